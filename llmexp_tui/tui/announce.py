"""Says in a toast what a run that just ended came to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmexp_tui.domain.run import RunStatus
from llmexp_tui.errors import LlmexpError
from llmexp_tui.store import runs
from llmexp_tui.tui.messages import Fetched
from llmexp_tui.tui.reads.results import read_report
from llmexp_tui.tui.state.verdict import run_badge, status_badge

if TYPE_CHECKING:
    from llmexp_tui.tui.app import LlmexpApp

_GOOD = (RunStatus.COMPLETE, RunStatus.STOPPED_EARLY)


def announce(app: LlmexpApp, experiment: str) -> None:
    """Called in a thread, once nothing of the experiment runs any more."""
    try:
        session = app.session()
        newest = runs.find_runs(session.store, experiment=experiment, limit=1)
        if not newest:
            return
        record = newest[0]
        if record.status not in _GOOD:
            reason = f": {record.stop_reason}" if record.stop_reason else ""
            text, severity = f"{experiment} {run_badge(record.status).word}{reason}", "warning"
        else:
            report = read_report(experiment, session)
            badge = status_badge(report.status, has_gates=report.has_gates)
            text, severity = f"{experiment}: {badge.glyph} {badge.word}", "information"
    except LlmexpError as error:
        text, severity = f"{experiment} has ended; {error.sentence}", "information"
    app.post_message(Fetched(lambda words: app.say(words, severity=severity), text))
