"""Prompt files: what one pulls in, and how it becomes messages.

Front matter between `+++` lines names a schema, tools and few-shot examples beside the prompt file. A line that is
just `system:`, `user:`, `assistant:` or `tool:` starts a message. Such lines are found in the file, before any
row is filled in: no row's content can start a message. Nothing here calls a model or writes a file.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NoReturn

from llmexp_tui.domain.prompt import Message, Prompt
from llmexp_tui.domain.text import one_line
from llmexp_tui.errors import ConfigError, PromptError, UnknownNameError
from llmexp_tui.project.files import FileSource, safe_relpath
from llmexp_tui.project.jsontext import JsonTextError, parse_json
from llmexp_tui.project.toml import parse_toml

if TYPE_CHECKING:
    from llmexp_tui.project.template import Template

FRONT_MATTER_KEYS = ("output_schema", "tools", "few_shot")
EXAMPLES = "examples"
"""The name under which a template finds the mappings of its few_shot file."""
_FENCE = "+++"
_ROLES = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
_ROLE_LINE = re.compile(r"^[ \t]*(system|user|assistant|tool):[ \t]*$", re.MULTILINE)
_TAGS = re.compile(r"\{#.*?#\}|\{%.*?%\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt with a row filled in, ready to send."""

    messages: tuple[Message, ...]
    output_schema: Mapping[str, Any] | None = None
    tools: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class CompiledPrompt:
    """A prompt that was parsed, checked and compiled once, for all rows.

    `variables` are the row's columns it cannot do without, in order of first use.
    """

    prompt: Prompt
    variables: tuple[str, ...]
    output_schema: Mapping[str, Any] | None
    tools: tuple[Mapping[str, Any], ...]
    _template: Template = field(repr=False)
    _mark: str = field(repr=False)

    def check(self, columns: Iterable[str], where: str | None = None) -> None:
        """Raises PromptError, naming file, line and the nearest column, for a variable that no column provides."""
        known = set(columns)
        for name, line in self._template.required.items():
            if name in known:
                continue
            near = get_close_matches(name, [str(column) for column in known], n=1, cutoff=0.5)
            if near:
                mend = f'did you mean "{one_line(near[0], 60)}"?'
            else:
                mend = f"the dataset's columns are {', '.join(one_line(c, 40) for c in sorted(known)[:12])}"
            raise PromptError(
                f'unknown variable "{one_line(name, 60)}"', where=f"{where or self.prompt.path}:{line}", mend=mend
            )

    def render(self, values: Mapping[str, Any]) -> Rendered:
        """The messages for a row's values; white space around a message is not part of it. Raises PromptError."""
        first, *rest = self._template.render(values).split(self._mark)
        if not rest:
            return Rendered((Message("user", first.strip()),), self.output_schema, self.tools)
        if first.strip():
            raise PromptError("text before the first message", where=self.prompt.path, mend="start with a role line")
        messages = tuple(Message(_ROLES[part[0]], part[1:].strip()) for part in rest)
        return Rendered(messages, self.output_schema, self.tools)


def load_prompt(files: FileSource, name: str, path: str) -> Prompt:
    """Reads a prompt file and everything it pulls in; paths in its front matter are relative to the file.

    Raises ConfigError for a path or front matter that is wrong or a file that is missing, GitError at a commit.
    """
    text = files.read_text(path)
    where = files.describe(path)
    pulled: dict[str, str] = {}
    for key, relative in _front_matter(text, where)[0].items():
        try:
            pulled[relative] = files.read_text(pulled_path(path, relative))
        except ConfigError as error:
            place = f"{where}:{_line_of(text, key)}"
            raise ConfigError(f"{key}: {error.sentence}", where=place) from None
    return Prompt(name, path, text, pulled)


def pulled_path(prompt_path: str, relative: str) -> str:
    """The project path of a file that a prompt names in its front matter. Raises ConfigError where it leads out."""
    if PurePosixPath(relative).is_absolute():
        safe_relpath(relative)
    return safe_relpath(str(PurePosixPath(prompt_path).parent / relative))


def pulled_paths(prompt: Prompt) -> tuple[str, ...]:
    """Every project path whose content is part of the prompt, its own first."""
    return (prompt.path, *(pulled_path(prompt.path, relative) for relative in prompt.files))


def compile_prompt(prompt: Prompt) -> CompiledPrompt:
    """Parses, checks and compiles a prompt. Raises PromptError with file and line, ConfigError for front matter."""
    keys, body = _front_matter(prompt.text, prompt.path)
    schema = _schema(prompt, keys["output_schema"]) if "output_schema" in keys else None
    tools = _tools(prompt, keys["tools"]) if "tools" in keys else ()
    constants = {EXAMPLES: _examples(prompt, keys["few_shot"])} if "few_shot" in keys else {}
    if not body.strip():
        raise PromptError("the prompt is empty", where=prompt.path, mend="write at least one line")
    mark = f"\x02{secrets.token_hex(16)}\x03"  # drawn anew each time, so that no row can hold it
    source = _mark_roles(body, mark, prompt.path)
    from llmexp_tui.project.template import compile_template  # jinja2: 30 ms that loading and listing do not need

    template = compile_template(source, prompt.path, constants)
    return CompiledPrompt(prompt, tuple(template.required), schema, tools, template, mark)


def _front_matter(text: str, where: str) -> tuple[dict[str, str], str]:
    """The keys of the front matter, and the rest of the text with as many line ends before it as were cut."""
    lines = text.split("\n")
    if lines[0].rstrip() != _FENCE:
        return {}, text
    end = next((i for i, line in enumerate(lines[1:], 1) if line.rstrip() == _FENCE), None)
    if end is None:
        raise ConfigError("the front matter does not end", where=f"{where}:1", mend=f"close it with a line {_FENCE}")
    table = parse_toml("\n".join(["", *lines[1:end]]), where)
    keys: dict[str, str] = {}
    for key, value in table.items():
        place = f"{where}:{_line_of(text, key)}"
        if key not in FRONT_MATTER_KEYS:
            raise UnknownNameError("key in the front matter", one_line(key, 60), FRONT_MATTER_KEYS, where=place)
        if not isinstance(value, str):
            raise ConfigError(f"{key} is not a text", where=place, mend="give the path of a file in quotes")
        keys[key] = value
    return keys, "\n" * (end + 1) + "\n".join(lines[end + 1 :])


def _line_of(text: str, key: str) -> int:
    lines = text.split("\n")
    return next((i for i, line in enumerate(lines, 1) if line.lstrip().startswith((key, f'"{key}', f"'{key}"))), 1)


def _mark_roles(body: str, mark: str, where: str) -> str:
    """The body with a mark and the role's first letter in place of each role line."""
    found = list(_ROLE_LINE.finditer(body))
    if not found:
        return body
    before = body[: found[0].start()]
    if _TAGS.sub("", before).strip():
        line = before[: len(before) - len(before.lstrip())].count("\n") + 1
        raise PromptError("text before the first message", where=f"{where}:{line}", mend="put a role line above it")
    ends = [match.start() for match in found[1:]] + [len(body)]
    for match, end in zip(found, ends, strict=True):
        if not body[match.end() : end].strip():
            line = body.count("\n", 0, match.start(1)) + 1
            raise PromptError(f"the {match[1]} message is empty", where=f"{where}:{line}", mend="write it or drop it")
    return _ROLE_LINE.sub(lambda match: mark + match[1][0], body)


def _refuse(prompt: Prompt, relative: str, line: int | None, what: str, mend: str | None = None) -> NoReturn:
    shown = one_line(pulled_path(prompt.path, relative), 120)
    raise PromptError(what, where=shown if line is None else f"{shown}:{line}", mend=mend)


def _parse_json(prompt: Prompt, relative: str, text: str, first_line: int = 1) -> Any:
    try:
        return parse_json(text)
    except JsonTextError as error:
        _refuse(prompt, relative, first_line + error.line - 1, one_line(error.reason, 160))


def _schema(prompt: Prompt, relative: str) -> Mapping[str, Any]:
    value = _parse_json(prompt, relative, prompt.files[relative])
    if not isinstance(value, dict):
        _refuse(prompt, relative, 1, "a JSON schema is an object", "write { … }")
    return value


def _tools(prompt: Prompt, relative: str) -> tuple[Mapping[str, Any], ...]:
    value = _parse_json(prompt, relative, prompt.files[relative])
    if not isinstance(value, list) or not all(isinstance(tool, dict) for tool in value):
        _refuse(prompt, relative, 1, "tools are a list of objects", "write [{ … }]")
    return tuple(value)


def _examples(prompt: Prompt, relative: str) -> list[dict[str, Any]]:
    examples = []
    for number, line in enumerate(prompt.files[relative].split("\n"), 1):
        if not line.strip():
            continue
        value = _parse_json(prompt, relative, line, number)
        if not isinstance(value, dict):
            _refuse(prompt, relative, number, "an example is an object", "write one { … } a line")
        examples.append(value)
    if not examples:
        _refuse(prompt, relative, None, "no examples", "write one JSON object a line")
    return examples
