"""Every error has its exit code; nothing unforeseen looks like a verdict."""

import pytest

from llmexp_tui import errors
from llmexp_tui.cli.exit_codes import ExitCode, exit_code_of
from llmexp_tui.reports.record import EXIT_CODES


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("x"), 2),
        (errors.ConfigError("x"), 2),
        (errors.TrustError("x"), 2),
        (errors.StoreBusyError("x"), 4),
        (errors.BudgetError("x"), 4),
        (errors.OfflineError("x"), 4),
        (errors.InterruptedRunError("x"), 130),
        (KeyboardInterrupt(), 130),
        (ZeroDivisionError(), 4),
    ],
)
def test_exceptions_have_one_code(error, code):
    assert exit_code_of(error) == code


def test_statuses_and_exit_codes_agree():
    assert EXIT_CODES == {
        "pass": ExitCode.PASS,
        "fail": ExitCode.FAIL,
        "inconclusive": ExitCode.INCONCLUSIVE,
        "invalid": ExitCode.INCONCLUSIVE,
        "error": ExitCode.INCOMPLETE,
    }
