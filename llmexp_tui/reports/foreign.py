"""Foreign text made harmless for Markdown, XML and CI logs: names, rows, answers and errors pass one of these.

A model's answer must not mention people, link issues, close a fence, load an image, start a list, give orders to a
forge or speak to the runner that prints it. Escape codes and bidi marks are dealt with first, by `domain.text`.
"""

from __future__ import annotations

import html
import re

from llmexp_tui.domain.text import neutralise, one_line

_BREAK = "\u200b"
"""A zero-width space: it ends what a forge would take for a mention, a reference or an address, and is not seen."""

_COMMAND = re.compile(r"^(\s*):(?=:)|#(?=#(?:\[|vso\[))", re.MULTILINE)
_MENTION = re.compile(r"@(?=\w)")
_ORDER = re.compile(r"^(\s*)/(?=[A-Za-z])", re.MULTILINE)
_REFERENCE = re.compile(r"[@#!$%~&](?=\w)|(?<=\bGH)-(?=\d)|(?<=\b[Ww]{3})(?=\.)|:(?=//)")
_SPECIAL = re.compile(r"[\\`*_\[\]|<>{}~&]")
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_MARKUP_ENTITIES = str.maketrans({char: f"&#{ord(char)};" for char in "\\`*_[]~|"})
_BACKTICKS = re.compile(r"`+")
_XML_ILLEGAL = re.compile("[\ufffe\uffff]")


def defuse_commands(text: str) -> str:
    """The text with log commands of GitHub and Azure runners (`::x::`, `##[x]`, `##vso[x]`) broken, else as it is."""
    return _COMMAND.sub(lambda match: match.group(0) + _BREAK, text)


def md_text(text: str, limit: int = 600) -> str:
    """Foreign text within a sentence of Markdown: one line, nothing in it acts."""
    safe = _REFERENCE.sub(lambda match: match.group(0) + _BREAK, _unordered(one_line(text, limit)))
    return _SPECIAL.sub(lambda match: _ENTITIES.get(match.group(0), "\\" + match.group(0)), safe)


def md_html(text: str, limit: int = 80) -> str:
    """Foreign text within a line of HTML that stands in Markdown, where code spans do not work."""
    shown = html.escape(_REFERENCE.sub(lambda match: match.group(0) + _BREAK, one_line(text, limit)))
    return shown.translate(_MARKUP_ENTITIES)


def md_code(text: str, limit: int = 80) -> str:
    """Foreign text as a code span, on one line, fit for a table's cell."""
    shown = _unmentioned(defuse_commands(one_line(text, limit))).replace("|", "\\|") or " "
    fence = "`" * (max((len(run) for run in _BACKTICKS.findall(shown)), default=0) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def md_fence(text: str, limit: int = 800) -> str:
    """Foreign text as a fenced block, cut at `limit` characters with a word on how many are missing."""
    shown = _unordered(_unmentioned(defuse_commands(neutralise(text[:limit]))))
    if len(text) > limit:
        shown += f"\n… {len(text) - limit:,} more characters"
    fence = "`" * max(3, max((len(run) for run in _BACKTICKS.findall(shown)), default=0) + 1)
    return f"{fence}text\n{shown}\n{fence}"


def _unmentioned(text: str) -> str:
    """The text with its mentions broken: readers that show code as text, such as mails, would take them for some."""
    return _MENTION.sub("@" + _BREAK, text)


def _unordered(text: str) -> str:
    """The text with GitLab's orders broken (`/merge` at a line's start), which an older one obeys in a fence, too."""
    return _ORDER.sub(lambda match: match.group(0) + _BREAK, text)


def xml_text(text: str, limit: int = 4000) -> str:
    """Foreign text that XML 1.0 allows: every control character is a visible mark, at most `limit` characters."""
    shown = text if len(text) <= limit else text[:limit] + f"\n… {len(text) - limit:,} more characters"
    return _XML_ILLEGAL.sub("\ufffd", neutralise(shown))
