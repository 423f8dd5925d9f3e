"""Crash reports: no locals, no keys, nobody else's to read."""

from __future__ import annotations

from pathlib import Path

from llmexp_tui.tui.crash import crash_report, redact, write_report


def test_values_of_secret_variables_and_shapes_of_keys_are_blacked_out() -> None:
    env = {"OPENAI_API_KEY": "canary-value", "HOME": "/home/ada"}
    text = redact("canary-value sk-proj-abcdefghijklmnop Bearer abcdefghijkl /home/ada", env)
    assert text == "[redacted] [redacted] [redacted] /home/ada"


def test_a_report_has_the_trace_without_locals() -> None:
    def failing() -> None:
        hidden = "LOCALVALUE"
        raise ValueError(f"bad {len(hidden)} \x1b[2J")

    try:
        failing()
    except ValueError as error:
        report = crash_report(error, {})
    assert "failing" in report and "ValueError: bad 10" in report
    assert "\x1b" not in report


def test_reports_are_private_and_land_somewhere(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    for folder in (tmp_path / "crashes", blocked / "below"):
        path = write_report("trace \ud800", folder)
        assert path is not None and path.stat().st_mode & 0o777 == 0o600
        path.unlink()
