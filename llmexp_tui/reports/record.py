"""What a comparison or a check found, as one record that every face shows: JSON, Markdown, text, app.

It holds numbers and sentences, never formatting. Foreign text in it is exact; writers neutralise it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llmexp_tui.domain.run import RunTotals
from llmexp_tui.stats.result import MetricResult

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

EXIT_CODES = {"pass": 0, "fail": 1, "inconclusive": 3, "invalid": 3, "error": 4}
_WORST_FIRST = ("error", "fail", "invalid", "inconclusive", "pass")


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """The dataset version that was compared on. `hash` is 64 hex digits."""

    name: str
    version: str
    hash: str
    rows: int


@dataclass(frozen=True, slots=True)
class ArmReport:
    """One arm: its run (the newest of several), what was attempted and what came back over all of them.

    `unscored` maps a scorer's name to the number of outputs it could not score. `judges` are the models that judged
    its outputs, as their provider named them, `judge_cost_usd` what that cost: no part of the arm's own cost, None
    where there is no judge or a cost is not known.
    """

    id: str
    variant: str
    totals: RunTotals
    runs: tuple[str, ...] = ()
    unscored: tuple[tuple[str, int], ...] = ()
    judges: tuple[str, ...] = ()
    judge_cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class JudgeNoise:
    """How far a judge moves when it judges the same outputs again, as variances of one score.

    `judgements` is how often each output was judged. `total` is the A/A's (generation and judge together), None where
    there is none; `share` the judge's part of it, None where that is not known or nothing moved. `change_judge`,
    `change_generation` and `change_rows` are the parts that the judge, generation and the sampling of rows have in
    the uncertainty of the measured change, of all candidates together; they add up to 1, or are None if not known.
    """

    metric: str
    judgements: int
    judge: float
    total: float | None
    share: float | None
    change_judge: float | None = None
    change_generation: float | None = None
    change_rows: float | None = None


@dataclass(frozen=True, slots=True)
class RowDifference:
    """One row on which an arm changed, for the "worst rows" of a report. Texts are exact, not neutralised.

    The scores are means over the row's answers, the texts those of the repeat that lost most.
    """

    candidate: str
    metric: str
    row: str
    baseline_score: float | None
    candidate_score: float | None
    baseline_text: str
    candidate_text: str
    input: str
    expected: str | None


@dataclass(frozen=True, slots=True, eq=False)
class RowScores:
    """Every row that was run of a registered metric with scores, as columns: for a report with a case a row.

    labels: what the reader calls a row. baseline, candidate: (n,) mean scores, NaN where there is none. worse: (n,)
    True where the candidate lost. failed: (n,) True where none of the candidate's calls was answered; `errors` says
    why, for the first of them.
    """

    candidate: str
    metric: str
    slice: str | None
    labels: Sequence[str]
    baseline: npt.NDArray[np.float64]
    candidate_scores: npt.NDArray[np.float64]
    worse: npt.NDArray[np.bool_]
    failed: npt.NDArray[np.bool_]
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExperimentReport:
    """One experiment's result. `status` is pass, fail, inconclusive, invalid or error.

    `reasons` says why the status is not pass, `warnings` what to know all the same, `notes` what was done
    (where gates came from, what was saved). `slices` are the metrics on the dataset's slices, all exploratory.
    `calls` is how many calls this invocation made.
    """

    name: str
    status: str
    question: str
    axis: str
    registration: str
    dataset: DatasetReport | None
    baseline: ArmReport | None
    candidates: tuple[ArmReport, ...]
    metrics: tuple[MetricResult, ...]
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    worst_rows: tuple[RowDifference, ...] = ()
    confounded: bool = False
    has_gates: bool = True
    calls: int = 0
    calls_saved: int = 0
    cost_usd: float | None = None
    judge_noise: tuple[JudgeNoise, ...] = ()
    row_scores: tuple[RowScores, ...] = ()
    slices: tuple[MetricResult, ...] = ()

    @property
    def unshown_rows(self) -> int:
        """How many more rows got worse than `worst_rows` has, as far as every row's scores are at hand."""
        shown = {(row.candidate, row.metric) for row in self.worst_rows}
        worse = {(s.candidate, s.metric): int(s.worse.sum()) for s in self.row_scores if s.slice is None}
        return max(0, sum(worse.get(one, 0) for one in shown) - len(self.worst_rows))

    @property
    def undecided(self) -> bool:
        """True where a gate is still open, also one whose being open was registered as tolerable."""
        tolerated = self.status == "pass" and any(metric.gate == "inconclusive" for metric in self.metrics)
        return tolerated or self.status == "inconclusive"

    @property
    def exit_code(self) -> int:
        """The exit code that this experiment alone would give."""
        return EXIT_CODES[self.status]


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Everything that one `--check` found. The worst experiment decides: error, fail, invalid, inconclusive, pass."""

    experiments: tuple[ExperimentReport, ...]

    @property
    def status(self) -> str:
        """The worst status of the experiments; pass where there is none."""
        return worst_status(e.status for e in self.experiments)

    @property
    def exit_code(self) -> int:
        """The exit code of the whole check."""
        return EXIT_CODES[self.status]


def worst_status(statuses: Iterable[str]) -> str:
    """The worst of several statuses, in the order error, fail, invalid, inconclusive, pass."""
    found = set(statuses)
    return next((status for status in _WORST_FIRST if status in found), "pass")
