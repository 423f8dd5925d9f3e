"""What is said on stderr: one sentence an error, a line now and then while running, nothing that acts."""

import pytest

from llmexp_tui.cli.diagnostics import ProgressLine, progress_text, say_error, sentence_of
from llmexp_tui.engine.events import ArmProgress, RunProgressed, StepStarted
from llmexp_tui.errors import ConfigError


def event(done=20, errors=0, **changes):
    arm = ArmProgress("run", "long", "main", done, 100, errors, 0, 0.01)
    values = {"rate": 38.2, "cost_usd": 0.31, "eta_s": 4.4, "concurrency": 8, **changes}
    return RunProgressed("tone", (arm, arm), **values)


def test_an_error_is_one_line(capsys):
    say_error(ConfigError("no such key\n\x1b[31m", where="llmexp.toml:3", mend="use x"), debug=False)
    assert capsys.readouterr().err == "llmexp-tui: llmexp.toml:3: no such key ␛[31m; use x\n"


def test_a_traceback_follows_on_demand_without_local_variables(capsys):
    def failing():
        secret = "sk-local-canary"
        return secret.missing

    with pytest.raises(AttributeError) as caught:
        failing()
    say_error(caught.value, debug=True)
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "in failing" in said


def test_what_nobody_foresaw_names_debug():
    assert sentence_of(ZeroDivisionError("division by zero")) == (
        "unexpected ZeroDivisionError: division by zero; run again with --debug to see where it came from"
    )
    assert "resume" in sentence_of(KeyboardInterrupt())


def test_progress_says_count_rate_cost_and_time_left():
    assert progress_text(event()) == "tone: 40/200 cells · 38 calls/s · $0.31 · 4 s left"
    assert progress_text(event(errors=1, eta_s=None, waiting="waiting for a rate limit")) == (
        "tone: 40/200 cells · waiting for a rate limit · 38 calls/s · $0.31 · 2 errors"
    )


def test_without_a_terminal_progress_is_sparse(capsys):
    now = [0.0]
    with ProgressLine(clock=lambda: now[0]) as progress:
        progress(StepStarted("tone", "running long, short"))
        for second in range(120):
            now[0] = float(second)
            progress(event(done=second // 2))
    lines = capsys.readouterr().err.split("\n")
    assert lines[0] == "tone: running long, short"
    assert 4 <= len(lines) <= 12
    assert "\x1b" not in "".join(lines)


def test_without_a_terminal_a_long_wait_is_told_once_a_minute(capsys):
    now = [0.0]
    progress = ProgressLine(clock=lambda: now[0])
    for second in range(601):
        now[0] = float(second)
        progress(event(waiting="m: 429, waiting"))
    assert capsys.readouterr().err.count("429, waiting") == 10
