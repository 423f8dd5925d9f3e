"""The sentences, word for word, and what may never be in them."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from llmexp_tui.reports.explain import details, explain, explain_gate, explain_status
from llmexp_tui.reports.markdown import comparison_markdown
from llmexp_tui.reports.text_panel import comparison_panel
from llmexp_tui.stats import (
    Comparison,
    ComparisonPlan,
    InfluentialRow,
    MetricData,
    MetricSpec,
    Samples,
    compare_arms,
    compare_scores,
)
from tests.unit.reports.build import HOSTILE, latency, metric

JARGON = re.compile(r"p-value|p value|null|hypothes|signific|confidence|interval|alpha|bootstrap|±|σ|NaN|None|nan\b")
ACCURACY = MetricSpec("exact_match", "binary", margin=0.05)


def flipped(scores: np.ndarray, wins: int, losses: int) -> np.ndarray:
    out = scores.copy()
    out[np.flatnonzero(scores == 0)[:wins]] = 1.0
    out[np.flatnonzero(scores == 1)[:losses]] = 0.0
    return out


BASE = np.r_[np.ones(156), np.zeros(44)]


def compared(spec: MetricSpec = ACCURACY, plan: ComparisonPlan | None = None, **arms: Any) -> Comparison:
    columns: dict[str, list[Any]] = {"row_id": [], "variant": [], "score": []}
    for name, scores in arms.items():
        columns["row_id"] += [f"r{i}" for i in range(len(scores))]
        columns["variant"] += [name] * len(scores)
        columns["score"] += list(scores)
    aa = "copy" if "copy" in arms else None
    return compare_scores(columns, baseline="long", candidates=["short"], aa=aa, metrics=[spec], plan=plan)


def test_an_improvement() -> None:
    found = compared(long=BASE, short=flipped(BASE, 22, 8), copy=flipped(BASE, 12, 10))
    assert explain(found.metrics[0]) == (
        "On exact_match (78.0 → 85.0 %), short was better on 22 rows and worse on 8 of 200; running the baseline "
        "against itself moves as much as that about 1 time in 352.",
        "This counts as an improvement: were the two the same, a gap like this would show up about 1 time in 62.",
    )
    assert explain_gate(found) == "The gate passes: exact_match improved."


def test_a_regression() -> None:
    found = compared(long=BASE, short=flipped(BASE, 8, 22))
    assert explain(found.metrics[0]) == (
        "On exact_match (78.0 → 71.0 %), short was better on 8 rows and worse on 22 of 200; how much the baseline "
        "moves on its own was not measured.",
        "This counts as a step back: were the two the same, a gap like this would show up about 1 time in 62, and "
        "the loss may exceed the 5.0 pts allowed.",
    )
    assert explain_gate(found) == "The gate fails: exact_match got worse, and may be worse by more than was allowed."


def test_an_open_question_says_what_would_settle_it() -> None:
    found = compared(long=BASE, short=flipped(BASE, 14, 16), copy=flipped(BASE, 9, 9))
    _, meaning = explain(found.metrics[0])
    assert meaning == (
        "No verdict: the true change may be anything from −5.7 to +3.6 pts, and 5.0 pts worse is the most allowed; "
        "about 384 rows, or 9 calls for each of these rows, would likely settle it."
    )
    assert "that is not the same as being worse" in explain_gate(found)


def test_no_regression_and_a_deterministic_baseline() -> None:
    found = compared(long=BASE, short=flipped(BASE, 2, 1), copy=BASE)
    seen, meaning = explain(found.metrics[0])
    assert "the baseline run again gave exactly the same" in seen
    assert meaning.startswith("Neither a loss nor a gain as large as the 5.0 pts allowed would fit these rows")


def test_a_required_floor_that_is_missing() -> None:
    found = compared(plan=ComparisonPlan(aa_required=True), long=BASE, short=flipped(BASE, 5, 5))
    _, meaning = explain(found.metrics[0])
    assert "because the baseline has not been run against itself" in meaning


def test_a_failed_aa_says_what_to_do() -> None:
    found = compared(long=BASE, short=flipped(BASE, 5, 5), copy=flipped(BASE, 2, 40))
    seen, meaning = explain(found.metrics[0])
    assert "cannot be judged" in seen and "differs from itself" in seen
    assert meaning.startswith("Run the baseline against itself again")
    assert "may not be compared" in explain_gate(found)


def test_a_rare_fault_could_hide() -> None:
    found = compared(long=np.ones(40), short=np.ones(40))
    assert "a fault that is rare but complete could still hide" in explain(found.metrics[0])[1]


def test_within_the_floor() -> None:
    found = compared(long=BASE, short=flipped(BASE, 8, 22), copy=flipped(BASE, 40, 44)).metrics[0]
    seen, meaning = explain(found)
    assert found.cause == "floor"
    assert "running the baseline against itself moves as much as that about 1 time in 8" in seen
    assert meaning.startswith("No verdict: the baseline moves about as much when nothing has changed; ")


def test_without_a_limit_the_reach_is_said() -> None:
    found = metric(verdict="inconclusive", cause="no_margin", margin=None, registered=False, gate=None)
    assert "no limit was set" in explain(found)[1]
    assert "would likely show a change of 7.7 pts or more" in explain(found)[1]
    assert "nobody promised this beforehand" in explain(found)[1]


def test_times_are_told_by_their_values() -> None:
    seen, meaning = explain(latency())
    assert seen.startswith("latency (typical) went 412 → 398 ms with short, 3.0 % less over 200 rows")
    assert "10.0 %" in meaning


UNDECIDED = {"gate": "inconclusive"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"verdict": "no_regression", "shortfall": "must_improve", **UNDECIDED}, "because it had to improve"),
        ({"verdict": "no_regression", "shortfall": "floor", **UNDECIDED}, "has not been run against itself"),
        ({"verdict": "improved", "shortfall": "correction", "noise_floor_state": "unmeasured", **UNDECIDED},
         "because several candidates were tried"),
        ({"verdict": "regressed", "gate": "inconclusive"}, "not sure enough to fail the gate"),
        ({"confounded": True}, "what caused it is open"),
        ({"verdict": "no_regression", "note": "significantly worse, but within the margin"}, "clearly worse"),
        ({"verdict": "no_regression", "note": "significantly better, but by no more than the noise floor"},
         "It is better, but the baseline moves about as much when nothing has changed, so"),
        ({"delta": None, "verdict": "inconclusive", "n_pairs": 3, "reason": "x"}, "At least 6 rows"),
        ({"delta": None, "verdict": "inconclusive", "reason": "x"}, "More rows"),
        ({"invalid": True, "n_unpaired": 5, "reason": "x"}, "Finish the run"),
        ({"invalid": True, "reason": "x"}, "Mend the scores"),
        ({"floor_ratio": 0.1}, "usually moves at least as much"),
        ({"floor_ratio": 4.0}, "less than 1 time in 1,000"),
        ({"repeats_needed": 3, "rows_needed": 400, "verdict": "inconclusive", "cause": "open"}, "or 3 calls for"),
        ({"verdict": "inconclusive", "reason": "shown for information"}, "No verdict: shown for information."),
    ],
)
def test_every_caveat_is_said(change: dict[str, Any], words: str) -> None:
    assert words in " ".join(explain(metric(**change)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fragility": 1}, "Swapping the two results of 1 row would change the verdict."),
        ({"n_scorer_failed": 3, "worst_case_low": -0.01, "worst_case_high": 0.02},
         "3 rows could not be scored: had all of them gone one way, the change would be −1.0 pts, the other way "
         "+2.0 pts."),
        ({"influential": (InfluentialRow("r7", 0.004), InfluentialRow("r1", -0.001)), "standard_error": 0.01},
         "these would move the change most: r7 (+0.4 pts), r1 (−0.1 pts)."),
        ({"flip_rate_bound": 0.058, "aa_rows": 50}, "moved on none of 50 rows: at most 5.8 % of rows move at all."),
    ],
)  # fmt: skip
def test_details_say_how_little_a_verdict_hangs_on(change: dict[str, Any], words: str) -> None:
    (sentence,) = details(metric(**change))
    assert words in sentence
    for text in (
        comparison_panel(Comparison("pass", (metric(**change),))),
        comparison_markdown(Comparison("pass", (metric(**change),))),
    ):
        assert words.split()[0] in " ".join(text.split())
    assert details(metric(**change, invalid=True)) == ()
    assert details(metric()) == ()
    assert details(metric(influential=(InfluentialRow("r7", 0.001),), standard_error=0.02)) == ()
    assert details(latency(influential=(InfluentialRow("r7", 0.0003),), standard_error=0.0005)) == ()


def test_a_change_from_nothing_has_no_ratio_and_still_a_meaning() -> None:
    free = latency(metric="cost", type="ratio", baseline=0.0, candidate_value=0.002, delta=None, ci_low=None,
                   ci_high=None, verdict="regressed", floor_ratio=None)  # fmt: skip
    seen, meaning = explain(free)
    assert ", from nothing over" in seen
    assert "This counts as a step back" in meaning


def test_always_two_sentences_without_jargon() -> None:
    for verdict in ("improved", "regressed", "no_regression", "inconclusive"):
        for state in ("measured", "deterministic", "unmeasured", "invalid"):
            for change in ({}, {"invalid": True}, {"delta": None}, {"cause": "open"}, {"margin": None}):
                parts = explain(metric(verdict=verdict, noise_floor_state=state, **change))
                assert len(parts) == 2
                assert all(part.endswith(".") and not JARGON.search(part) for part in parts), parts


def test_foreign_text_stays_harmless() -> None:
    for part in explain(metric(candidate=HOSTILE, metric=HOSTILE, reason=HOSTILE, invalid=True)):
        assert part.isprintable()
    assert explain_status("fail", [metric(candidate=HOSTILE, gate="fail")]).isprintable()


def test_the_gate_names_what_decided() -> None:
    passed = [metric(), latency()]
    assert explain_status("pass", passed) == (
        "The gate passes: exact_match improved and latency (typical) is not worse by more than was allowed."
    )
    two = [metric(gate="fail"), metric(candidate="terse", gate="fail")]
    assert "exact_match of short and exact_match of terse" in explain_status("fail", two)
    assert "Nothing was promised beforehand" in explain_status("inconclusive", [metric(registered=False)])
    stored = metric(registered=False, note="exploratory: the baseline was measured at another time")
    assert "promised" not in explain_status("inconclusive", [stored])


def test_a_gain_that_is_no_improvement_says_why() -> None:
    """Each note of a real comparison has its words: less than asked for, no more than the floor, few rows."""
    rows = np.arange(200)
    arms = {"A": Samples(rows, (rows >= 60) * 1.0), "B": Samples(rows, (rows >= 40) * 1.0)}
    wobbling = {**arms, "A2": Samples(rows, ((rows < 54) | (rows >= 114)) * 1.0)}
    few = {**arms, "B": Samples(rows, (rows >= 55) * 1.0)}
    for spec, sides, plan, words in (
        (MetricSpec("m", "binary", min_effect=0.09), arms, ComparisonPlan(), "not for sure by as much as was asked"),
        (MetricSpec("m", "binary"), wobbling, ComparisonPlan(), "the baseline moves about as much"),
        (MetricSpec("m", "binary"), few, ComparisonPlan(alpha=0.2), "on too few rows"),
    ):
        data = MetricData(spec, sides, 200)
        aa = "A2" if "A2" in sides else None
        found = compare_arms([data], baseline="A", candidates=["B"], aa=aa, plan=plan).metrics[0]
        assert found.verdict == "no_regression"
        assert words in explain(found)[1]


def test_every_run_stands_beside_the_pooled_change():
    seen, _ = explain(metric(run_deltas=(0.05, -0.01, 0.08)))
    assert "its runs on their own came to +5.0, −1.0, +8.0 pts" in seen
    assert "on their own" not in explain(metric())[0]


def test_what_counts_in_rows_is_told_in_points_of_them() -> None:
    grades = np.tile([1.0, 2.0, 3.0, 4.0, 5.0], 40)
    worse = grades - np.r_[np.zeros(170), np.ones(30)] * (grades > 1)
    spec = MetricSpec("grade", "ordinal", range=(1, 5), margin=0.2)
    seen, meaning = explain(compared(spec, long=grades, short=worse).metrics[0])
    assert seen.startswith(
        "On grade (3.00 → 2.88), short was better on 0 rows and worse on 24 of 200, 12.0 pts more of the rows lost "
        "than won;"
    )
    assert "less than the 20.0 pts allowed" in meaning
    averaged = MetricSpec("grade", "ordinal", range=(1, 5), margin=0.2, interval_scale=True)
    seen, meaning = explain(compared(averaged, long=grades, short=worse).metrics[0])
    assert "pts" not in seen + meaning


def test_a_preference_has_no_values_of_its_own() -> None:
    spec = MetricSpec("judge", "pairwise", margin=0.1)
    wins = np.r_[np.ones(60), np.zeros(100), -np.ones(40)]
    seen, _ = explain(compared(spec, long=np.zeros(200), short=wins).metrics[0])
    assert seen.startswith(
        "On judge, short was better on 60 rows and worse on 40 of 200, 10.0 pts more of the rows won than lost;"
    )


@pytest.mark.parametrize(
    ("status", "one", "several"),
    [
        ("inconclusive", "exact_match has not shown what it", "exact_match and judge have not shown what they"),
        ("invalid", "exact_match rests on data", "exact_match and judge rest on data"),
        ("pass", "exact_match is not worse", "exact_match and judge are not worse"),
    ],
)
def test_one_metric_and_several_take_their_own_verbs(status: Any, one: str, several: str) -> None:
    gate = "pass" if status == "pass" else "inconclusive"
    found = [
        metric(metric=name, gate=gate, verdict="no_regression", invalid=status == "invalid")
        for name in ("exact_match", "judge")
    ]
    assert one in explain_status(status, found[:1])
    assert several in explain_status(status, found)


def test_a_baseline_of_another_time_was_promised_something_all_the_same() -> None:
    found = compared(plan=ComparisonPlan(interleaved=False), long=BASE, short=BASE)
    assert found.status == "invalid"
    assert explain_gate(found) == (
        "The gate cannot be judged: the baseline was run at another time, and nothing shows that it would still "
        "answer the same."
    )


@pytest.mark.parametrize(("long", "short", "way"), [(0.0, 1.0, "from nothing"), (1.0, 0.0, "to nothing")])
def test_a_cost_without_a_ratio_says_which_way_it_went(long: float, short: float, way: str) -> None:
    spec = MetricSpec("cost", "ratio")
    seen, _ = explain(compared(spec, long=np.full(50, long), short=np.full(50, short)).metrics[0])
    assert f"with short, {way} over 50 rows" in seen


def test_what_to_mend_is_what_is_broken() -> None:
    outside = compared(MetricSpec("judge"), long=BASE * 3, short=BASE * 3, copy=BASE * 3).metrics[0]
    assert explain(outside)[1] == "Mend the scores and compare again.", "not the A/A, which shares the fault"
    drifted = compared(long=BASE, short=BASE, copy=flipped(BASE, 30, 0)).metrics[0]
    assert explain(drifted)[1].startswith("Run the baseline against itself again")
    assert "has rows" in explain(metric(invalid=True, delta=None, n_pairs=0))[1]


def test_a_quantile_says_how_a_failed_call_counts() -> None:
    words = "A failed call counts as one that took the whole time-out."
    assert words in details(latency(statistic="p95", n_failed_candidate=3))
    assert words not in details(latency(statistic="p95")) and words not in details(latency(n_failed_candidate=3))
