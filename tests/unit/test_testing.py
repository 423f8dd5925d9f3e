"""assert_no_regression inside a test: passes, fails with the panel, and refuses what cannot be run."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from llmexp_tui.errors import UnknownNameError
from llmexp_tui.project.scaffold import copy_sample
from llmexp_tui.reports.record import CheckReport
from llmexp_tui.testing import assert_no_regression


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    copy_sample(tmp_path / "sample")
    return tmp_path / "sample"


def test_a_change_that_holds_its_promise_passes(sample: Path) -> None:
    report = assert_no_regression("wording", project=sample)
    assert [e.name for e in report.experiments] == ["wording"]
    assert report.exit_code == 0


def test_a_worse_prompt_fails_with_the_panel(sample: Path) -> None:
    toml = sample / "llmexp.toml"
    text = toml.read_text().replace('baseline = "two"', 'baseline = "eight"', 1)
    toml.write_text(text)
    with pytest.raises(AssertionError, match="✗ GATE FAILS") as failed:
        assert_no_regression("examples", project=sample)
    assert "exact_match" in str(failed.value)


def test_it_may_be_called_from_a_test_that_is_a_coroutine(sample: Path) -> None:
    async def test() -> CheckReport:
        with pytest.raises(UnknownNameError, match="wording"):
            assert_no_regression("wordings", project=sample)
        return assert_no_regression("wording", project=sample)

    assert asyncio.run(test()).exit_code == 0


def test_an_unknown_experiment_is_no_failed_assertion(sample: Path) -> None:
    with pytest.raises(UnknownNameError, match="wording"):
        assert_no_regression("wordings", project=sample)
