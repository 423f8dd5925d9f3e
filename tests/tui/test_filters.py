"""The line filters under every widget: Textual hands escape codes on, these do not. They lean on Textual's inside."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from rich.segment import Segment
from textual.app import App, ComposeResult
from textual.color import Color
from textual.content import Content
from textual.filter import LineFilter
from textual.widgets import Input, Label, OptionList, RichLog, Static, TextArea

from llmexp_tui.tui.surface import speaks_utf8
from llmexp_tui.tui.terminal import AsciiFilter, ControlFilter
from tests.tui.conftest import MakeApp
from tests.tui.hostile import HOSTILE

GROUND = Color(0, 0, 0)


@pytest.mark.parametrize("text", HOSTILE)
def test_control_codes_are_dropped_and_plain_text_stays(text: str) -> None:
    (segment,) = ControlFilter().apply([Segment(text)], GROUND)
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 or ord(c) in range(0x202A, 0x202F) for c in segment.text)
    assert "CANARY" not in text or "CANARY" in segment.text


def test_ascii_keeps_every_width() -> None:
    for text in ("╭─ Now ─╮ ✓ improved ░├─●─┤ ┆", "漢字 ünï", "█▏▁"):
        (segment,) = AsciiFilter().apply([Segment(text)], GROUND)
        assert segment.text.isascii() and cell_len(segment.text) == cell_len(text)


async def test_the_app_installs_the_net_under_every_widget(make_app: MakeApp) -> None:
    """`App.get_line_filters` is Textual's inside: this fails should a release stop asking it."""
    filters = make_app().get_line_filters()
    assert isinstance(filters[-1], ControlFilter)

    class Probe(App[None]):
        seen: list[str] = []  # noqa: RUF012

        def get_line_filters(self) -> list[LineFilter]:
            probe = self

            class Recorder(LineFilter):
                def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
                    probe.seen.append("".join(segment.text for segment in segments))
                    return segments

            return [Recorder()]

        def compose(self) -> ComposeResult:
            yield Static(Content("CANARYSTATIC\x1b[2J"))
            yield Label("CANARYLABEL", markup=False)
            yield Input("CANARYINPUT")
            yield TextArea("CANARYAREA")
            yield OptionList("CANARYOPTION")
            yield RichLog()

    async with Probe().run_test() as pilot:
        await pilot.pause()
        drawn = " ".join(pilot.app.seen)  # type: ignore[attr-defined]
    for word in ("STATIC", "LABEL", "INPUT", "AREA", "OPTION"):
        assert f"CANARY{word}" in drawn


@pytest.mark.parametrize(
    ("env", "speaks"),
    [({"LC_ALL": "C"}, False), ({"LANG": "en_US.UTF-8"}, True), ({"LC_ALL": "C.UTF-8", "LANG": "C"}, True),
     ({"LC_CTYPE": "de_DE.ISO-8859-1"}, False)],
)  # fmt: skip
def test_the_locale_decides(env: dict[str, str], speaks: bool) -> None:
    assert speaks_utf8(env) is speaks
