"""The app's themes. Neutral greys, because 256-colour terminals turn tinted surfaces blue.

Tones (good, bad, warn, info, muted) are CSS variables here, so that widgets name meanings and never colours.
"""

from __future__ import annotations

from collections.abc import Mapping

from textual.theme import BUILTIN_THEMES, Theme

from llmexp_tui.tui.surface import in_browser

DARK, LIGHT, CONTRAST, ANSI_DARK, ANSI_LIGHT = "dark", "light", "high-contrast", "ansi-dark", "ansi-light"

_DARK = Theme(
    name=DARK, dark=True,
    primary="#7aa2f7", secondary="#9d8cd6", accent="#e0af68", foreground="#d4d4d4", background="#161616",
    surface="#1c1c1c", panel="#262626", success="#8fc97a", warning="#e0af68", error="#f2777a",
    variables={
        "good": "#8fc97a", "bad": "#f2777a", "warn": "#e0af68", "info": "#7aa2f7", "muted": "#8a8a8a",
        "rule": "#444444", "band": "#585858", "added": "#8fc97a", "removed": "#f2777a",
        "added-ground": "#1f3320", "removed-ground": "#3d2022",
        "cursor": "#2f3b54", "cursor-text": "#ffffff", "cursor-blurred": "#2a2a2a",
        "border": "#444444", "border-blurred": "#444444",
        "footer-key-foreground": "#e0af68",
        "block-cursor-background": "#2f3b54", "block-cursor-foreground": "#ffffff",
    },
)  # fmt: skip

_LIGHT = Theme(
    name=LIGHT, dark=False,
    primary="#1f5fbf", secondary="#6a4fb3", accent="#8a5a00", foreground="#1f1f1f", background="#fafafa",
    surface="#f2f2f2", panel="#e6e6e6", success="#2b7a1f", warning="#8a5a00", error="#b3261e",
    variables={
        "good": "#2b7a1f", "bad": "#b3261e", "warn": "#8a5a00", "info": "#1f5fbf", "muted": "#666666",
        "rule": "#bcbcbc", "band": "#bcbcbc", "added": "#1c5c12", "removed": "#8f1d17",
        "added-ground": "#d9f0d3", "removed-ground": "#f9dad7",
        "cursor": "#cfe0fb", "cursor-text": "#000000", "cursor-blurred": "#e4e4e4",
        "border": "#bcbcbc", "border-blurred": "#bcbcbc",
        "footer-key-foreground": "#8a5a00",
        "block-cursor-background": "#cfe0fb", "block-cursor-foreground": "#000000",
    },
)  # fmt: skip

_CONTRAST = Theme(
    name=CONTRAST, dark=True,
    primary="#ffff00", secondary="#00ffff", accent="#ffff00", foreground="#ffffff", background="#000000",
    surface="#000000", panel="#1a1a1a", success="#00ff00", warning="#ffff00", error="#ff6060", text_alpha=1.0,
    variables={
        "good": "#00ff00", "bad": "#ff6060", "warn": "#ffff00", "info": "#00ffff", "muted": "#d0d0d0",
        "rule": "#ffffff", "band": "#a0a0a0", "added": "#00ff00", "removed": "#ff6060",
        "added-ground": "#003300", "removed-ground": "#440000",
        "cursor": "#000080", "cursor-text": "#ffffff", "cursor-blurred": "#303030",
        "border": "#ffffff", "border-blurred": "#ffffff",
        "footer-key-foreground": "#ffff00",
        "block-cursor-background": "#ffff00", "block-cursor-foreground": "#000000",
        "text-muted": "#d0d0d0", "text-disabled": "#b0b0b0",
    },
)  # fmt: skip

_ANSI_TONES = {
    "good": "ansi_green", "bad": "ansi_red", "warn": "ansi_yellow", "info": "ansi_cyan", "muted": "ansi_default",
    "rule": "ansi_default", "band": "ansi_default", "added": "ansi_green", "removed": "ansi_red",
    "added-ground": "ansi_default", "removed-ground": "ansi_default",
    "cursor": "ansi_blue", "cursor-text": "ansi_bright_white", "cursor-blurred": "ansi_default",
    "border": "ansi_default", "border-blurred": "ansi_default", "footer-key-foreground": "ansi_yellow",
}  # fmt: skip


def _ansi(name: str) -> Theme:
    built_in = BUILTIN_THEMES[name]
    return Theme(
        name=name, ansi=True, dark=built_in.dark, primary=built_in.primary, secondary=built_in.secondary,
        warning=built_in.warning, error=built_in.error, success=built_in.success, accent=built_in.accent,
        foreground=built_in.foreground, background=built_in.background, surface=built_in.surface,
        panel=built_in.panel, boost=built_in.boost, variables={**built_in.variables, **_ANSI_TONES},
    )  # fmt: skip


THEMES: tuple[Theme, ...] = (_DARK, _LIGHT, _CONTRAST, _ansi(ANSI_DARK), _ansi(ANSI_LIGHT))
THEME_NAMES = tuple(theme.name for theme in THEMES)


def first_theme(chosen: str, env: Mapping[str, str]) -> str:
    """The theme to start with: NO_COLOR needs an ANSI one (Textual would only turn RGB grey), else the user's."""
    if env.get("NO_COLOR"):
        return ANSI_LIGHT if chosen in (LIGHT, ANSI_LIGHT) else ANSI_DARK
    if chosen in THEME_NAMES:
        return chosen
    if in_browser(env):
        return DARK
    few_colours = env.get("TERM", "") in ("linux", "vt100", "vt220", "xterm", "screen", "ansi")
    return ANSI_DARK if few_colours and not env.get("COLORTERM") else DARK
