"""The `[models.NAME]` sections: parameters that are sent, and how a model is reached, paced and priced.

A key itself never stands in a project file; a value that looks like one is refused without being repeated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from llmexp_tui.domain.variant import Model
from llmexp_tui.project.sections import Section

Reader = Callable[[Section, str], Any]


def _number(low: float, high: float) -> Reader:
    return lambda section, key: section.number(key, low, low, high)


def _whole(low: int, high: int = 2**53) -> Reader:
    return lambda section, key: section.whole(key, low, low, high)


def _stop(section: Section, key: str) -> Any:
    value = section.values[key]
    return list(section.texts(key)) if isinstance(value, list) else section.text(key)


def _text(section: Section, key: str) -> str:
    return section.text(key)


def _truth(section: Section, key: str) -> bool:
    return section.truth(key, False)


def _tool_choice(section: Section, key: str) -> Any:
    value = section.values[key]
    return section.plain(key, value) if isinstance(value, dict) else section.text(key)


PARAMETERS: Mapping[str, Reader] = {
    "temperature": _number(0, 10),
    "top_p": _number(0, 1),
    "top_k": _whole(1),
    "min_p": _number(0, 1),
    "max_tokens": _whole(1),
    "max_completion_tokens": _whole(1),
    "reasoning_effort": _text,
    "verbosity": _text,
    "seed": _whole(0, 2**63 - 1),
    "stop": _stop,
    "presence_penalty": _number(-10, 10),
    "frequency_penalty": _number(-10, 10),
    "tool_choice": _tool_choice,
    "parallel_tool_calls": _truth,
}
"""What is sent with each call and can change an answer."""
_OTHERS = (
    "model", "api_base", "lane", "api_key_env", "timeout_s", "stream", "max_concurrency", "rpm", "tpm",
    "input_cost_per_mtok", "output_cost_per_mtok",
)  # fmt: skip
MODEL_KEYS = (*_OTHERS, *PARAMETERS)
LANES = ("auto", "litellm", "direct")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_KEY_SHAPE = re.compile(r"^(sk|pk|key|xai|gsk|hf|AIza)[-_A-Za-z0-9]{16,}$")


def read_model(name: str, section: Section) -> Model:
    """The model of one section. Raises ConfigError with file, line and key."""
    section.require("model", '"openai/gpt-5-mini"')
    defaults = Model(name, "")
    return Model(
        name=name,
        model=section.text("model"),
        params={key: read(section, key) for key, read in PARAMETERS.items() if section.has(key)},
        api_base=_api_base(section),
        lane=section.choice("lane", defaults.lane, LANES),
        api_key_env=_api_key_env(section),
        timeout_s=section.number("timeout_s", defaults.timeout_s, 0.001, 86_400),
        stream=section.truth("stream", defaults.stream),
        max_concurrency=section.whole("max_concurrency", defaults.max_concurrency, 1, 10_000),
        rpm=section.whole_or_none("rpm", 1),
        tpm=section.whole_or_none("tpm", 1),
        input_cost_per_mtok=section.number_or_none("input_cost_per_mtok", 0),
        output_cost_per_mtok=section.number_or_none("output_cost_per_mtok", 0),
    )


def _api_base(section: Section) -> str | None:
    value = section.text_or_none("api_base")
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or re.search(r"[\s\x00-\x1f\x7f\\]", value):
        section.refuse("api_base", "is no address", 'write it as "https://host/v1"')
    if parts.username is not None or parts.query or parts.fragment:
        section.refuse("api_base", "holds a name, password, query or fragment", "keep keys out of the project file")
    return value


def _api_key_env(section: Section) -> str | None:
    value = section.text_or_none("api_key_env")
    if value is not None and (not _VARIABLE.fullmatch(value) or _KEY_SHAPE.match(value)):
        section.refuse("api_key_env", "is not the name of a variable", "name the variable, never write the key")
    return value
