"""The one function that foreign text passes before it is shown, logged or reported.

Model answers, rows, names and provider errors may hold escape codes, bidi overrides, lone surrogates or
carriage returns that act on a terminal or make a line lie. They become visible marks here. The bytes in the
store stay exact: neutralise at the view, never on the way in.
"""

from __future__ import annotations

_KEEP = {0x09, 0x0A}


def _mark(code: int) -> str:
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    return f"‹U+{code:04X}›"


def _table() -> dict[int, str]:
    codes = [c for c in range(0x20) if c not in _KEEP] + [0x7F, *range(0x80, 0xA0)]
    codes += [0x00AD, 0x034F, 0x061C, 0x180E, 0xFEFF]
    codes += [*range(0x200B, 0x2010), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2060, 0x2070)]
    codes += [*range(0xFFF9, 0xFFFC), *range(0xD800, 0xE000), *range(0xE0000, 0xE0080)]
    return {code: _mark(code) for code in codes}


_MARKS = _table()


def neutralise(text: str) -> str:
    """The text with every control, bidi, zero-width and surrogate code replaced by a visible mark.

    Tabs and line feeds stay; CR LF becomes one line feed. Linear in the length of the text.
    """
    if text.isascii() and text.isprintable():
        return text
    return text.replace("\r\n", "\n").translate(_MARKS)


def one_line(text: str, limit: int = 200) -> str:
    """Neutralised, on one line, at most `limit` characters (an ellipsis marks what was cut)."""
    flat = " ".join(neutralise(text[: 4 * limit]).split())
    return flat if len(flat) <= limit and len(text) <= 4 * limit else flat[: max(limit - 1, 0)] + "…"
