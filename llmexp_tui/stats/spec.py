"""What a comparison is asked: one metric with its margin, and the plan that all metrics share.

Everything here is fixed before the data are seen. Nothing here may look at data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Literal, NoReturn, get_args

from llmexp_tui.errors import ConfigError, UnknownNameError

MetricType = Literal[
    "binary", "bounded", "ordinal", "pairwise", "latency", "ratio", "share", "errors", "unbounded"
]
Statistic = Literal["mean", "p50", "p90", "p95", "p99", "share"]
Role = Literal["gate", "must_improve", "exploratory"]
Direction = Literal["higher", "lower"]
OnInconclusive = Literal["fail", "pass"]
WorstRun = Literal["strict", "guard", "off"]

RATIO_TYPES = frozenset({"latency", "ratio"})
"""Types whose delta, interval, floor and margin are a ratio minus one."""
LOWER_IS_BETTER = frozenset({"latency", "ratio", "share", "errors"})
QUANTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99}
_DEFAULT_MARGIN = {
    "binary": 0.05, "ordinal": 0.05, "pairwise": 0.05, "share": 0.05, "errors": 0.02, "latency": 0.10, "ratio": 0.10,
}
TAIL_MARGIN = 0.25
"""A tail quantile is noisy: with a margin under a quarter, equal variants rarely pass at a few hundred rows."""
TAIL_ROWS = 10
"""A quantile q needs n(1-q) of at least this many rows above it."""


def tail_rows(q: float) -> int:
    """Fewest rows that hold enough values beyond the quantile."""
    return math.ceil(TAIL_ROWS / min(q, 1.0 - q) - 1e-9)


def _is_finite(value: object) -> bool:
    return isinstance(value, Real) and math.isfinite(value)


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric and what is promised about it.

    type: `binary` 0/1; `bounded` a score in `range`; `ordinal` ordered grades (net win rate, or the mean when
    `interval_scale`); `pairwise` +1/0/-1 preferences for the candidate, one entry per order shown; `latency`
    positive times (ratio of geometric means); `ratio` costs, tokens, counts (ratio of totals); `share` the part of
    values above `threshold`; `errors` the part of failed calls; `unbounded` anything else.
    statistic: `mean`, or a quantile `p50|p90|p95|p99`: a ratio of quantiles for latency and ratio, else a difference.
    `share` is the statistic of type `share`, and of no other.
    margin: how much worse is acceptable, > 0, in the metric's unit or as a ratio minus one (0.10 = 10 %). None takes
    the type's default; `unbounded` and quantile differences have none.
    direction: which way is better; by default lower for latency, ratio, share and errors, else higher.
    range: lowest and highest possible score, (0, 1) unless given. A score outside makes the metric invalid.
    max_change: a promise that no row moves by more than this (at most the range's width): a narrower interval, and
    an invalid metric when a row breaks it.
    failure_value: what a failed call counts as where the type has no worst value (a timeout for a latency quantile).
    min_effect: improvement that is too small to be called one, in the margin's unit.
    strict: finite-sample betting bound for the margin claim instead of the t interval (bounded scores only).
    Raises ConfigError for a value that makes no sense, UnknownNameError for an unknown type, statistic or role.
    """

    name: str
    type: MetricType = "bounded"
    margin: float | None = None
    direction: Direction | None = None
    range: tuple[float, float] | None = None
    role: Role = "gate"
    statistic: Statistic = "mean"
    on_inconclusive: OnInconclusive = "fail"
    slice: str | None = None
    threshold: float | None = None
    interval_scale: bool = False
    strict: bool = False
    min_effect: float = 0.0
    max_change: float | None = None
    failure_value: float | None = None

    def __post_init__(self) -> None:
        if self.type == "share" and self.statistic == "mean":
            object.__setattr__(self, "statistic", "share")
        self._check_names()
        self._check_finite()
        if self.direction is None:
            object.__setattr__(self, "direction", "lower" if self.type in LOWER_IS_BETTER else "higher")
        if self.range is None and self.type in ("binary", "bounded", "share", "errors"):
            object.__setattr__(self, "range", (0.0, 1.0))
        if self.range is not None and not self.range[0] < self.range[1]:
            self._refuse(f"range {self.range} is empty", "give the lowest score first, then the highest")
        if self.margin is None:
            object.__setattr__(self, "margin", self._default_margin())
        self._check_numbers()

    def _check_names(self) -> None:
        for kind, value, known in (
            ("metric type", self.type, get_args(MetricType)),
            ("statistic", self.statistic, get_args(Statistic)),
            ("role", self.role, get_args(Role)),
            ("direction", self.direction or "higher", get_args(Direction)),
            ("on_inconclusive", self.on_inconclusive, get_args(OnInconclusive)),
        ):
            if value not in known:
                raise UnknownNameError(kind, str(value), known, where=f'metric "{self.name}"')

    def _check_finite(self) -> None:
        if self.range is not None and not (len(self.range) == 2 and all(map(_is_finite, self.range))):
            self._refuse(f"range {self.range} is not two numbers", "give the lowest score, then the highest")
        for key in ("margin", "threshold", "min_effect", "max_change", "failure_value"):
            value = getattr(self, key)
            if value is not None and not _is_finite(value):
                self._refuse(f"{key} {value} is not a finite number", "give a number, without a unit")

    def _default_margin(self) -> float | None:
        if self.statistic in QUANTILES:
            if self.type not in RATIO_TYPES:
                return None
            return 0.10 if self.statistic == "p50" else TAIL_MARGIN
        if self.type == "bounded" or (self.type == "ordinal" and self.interval_scale and self.range):
            low, high = self.range or (0.0, 1.0)
            return 0.03 * (high - low)
        return _DEFAULT_MARGIN.get(self.type)

    def _check_numbers(self) -> None:
        if self.margin is not None and not self.margin > 0:
            self._refuse(f"margin {self.margin} is not a positive number", "give how much worse is still acceptable")
        if self.margin is not None and self._span is not None and self.margin >= self._span:
            mend = f"no row can lose more than {self._span:g}; give less, 0.05 for five points of a share"
            self._refuse(f"margin {self.margin:g} allows any loss at all", mend)
        if self.is_ratio and self.direction == "higher" and (self.margin or 0) >= 1:
            self._refuse(f"margin {self.margin} allows a ratio of zero", "give a share below 1, 0.10 for 10 %")
        if (self.type == "share") != (self.statistic == "share"):
            self._refuse(f"{self.type} has no {self.statistic}", 'the share above a limit is type="share" alone')
        if (self.type == "share") != (self.threshold is not None):
            self._refuse("a threshold and a share need each other", "a value above the threshold counts")
        if not self.min_effect >= 0:
            self._refuse(f"min_effect {self.min_effect} is negative", "give 0 or more")
        if self.interval_scale and self.type != "ordinal":
            self._refuse(f"interval_scale on {self.type} scores", "it says that grades may be averaged: ordinal only")
        for key, wanted in (("strict", self.strict), ("max_change", self.max_change is not None)):
            if wanted and self.width is None:
                self._refuse(f"{key} needs a mean of scores with bounds", f"give a range, or leave {key} out")
        if self.max_change is not None and not self.max_change > 0:
            self._refuse(f"max_change {self.max_change} is not positive", "give the largest change a row can show")

    def _refuse(self, what: str, mend: str) -> NoReturn:
        raise ConfigError(what, where=f'metric "{self.name}"', mend=mend)

    @property
    def sign(self) -> int:
        """+1 where higher is better, -1 where lower is."""
        return 1 if self.direction == "higher" else -1

    @property
    def is_ratio(self) -> bool:
        """True where delta, interval, floor and margin are a ratio minus one."""
        return self.type in RATIO_TYPES

    @property
    def is_net(self) -> bool:
        """True where rows won less rows lost decide, by however much each was won."""
        return self.type == "pairwise" or (self.type == "ordinal" and not self.interval_scale)

    @property
    def same_job(self) -> bool:
        """True for times and costs, which move with the hour: they hold only beside calls of the same job."""
        return self.is_ratio or self.type == "share"

    @property
    def quantile(self) -> float | None:
        """The quantile's level in (0, 1), None for a mean."""
        return QUANTILES.get(self.statistic)

    @property
    def registered(self) -> bool:
        """True where the metric can pass or block."""
        return self.role != "exploratory"

    @property
    def width(self) -> float | None:
        """The most a row's difference can be on the working scale; None where there is no bound."""
        span = self._span
        graded = self.type in ("bounded", "ordinal") and not self.is_net
        return min(span, self.max_change) if span is not None and graded and self.max_change else span

    @property
    def _span(self) -> float | None:
        """`width` as the scale alone has it, whatever was promised."""
        if self.quantile is not None or self.is_ratio or self.type == "unbounded":
            return None
        if self.is_net or self.type in ("binary", "share", "errors"):
            return 1.0
        return None if self.range is None else self.range[1] - self.range[0]

    @property
    def working_margin(self) -> float | None:
        """The margin on the working scale (log for ratios), positive: how far below zero is still acceptable."""
        return None if self.margin is None else self._working(self.margin, worse=True)

    @property
    def working_min_effect(self) -> float:
        """min_effect on the working scale."""
        return self._working(self.min_effect, worse=False)

    def _working(self, size: float, *, worse: bool) -> float:
        if not self.is_ratio:
            return size
        up = (self.sign < 0) == worse
        return math.log1p(size) if up else -math.log1p(-min(size, 1 - 1e-12))


@dataclass(frozen=True, slots=True)
class Levels:
    """One-sided nominal levels at which the three claims are made; smaller at an early look."""

    improve: float
    regress: float
    noninferior: float

    @classmethod
    def fixed(cls, alpha: float) -> Levels:
        """A single look: alpha two-sided for the claims against zero, alpha one-sided for the margin."""
        return cls(alpha / 2, alpha / 2, alpha)


@dataclass(frozen=True, slots=True)
class ComparisonPlan:
    """What all metrics of a comparison share; registered before the first call.

    alpha: two-sided level of improved/regressed, one-sided level of the margin claim.
    aa_required: a gate cannot pass while a registered metric's noise floor is unmeasured.
    levels: the nominal levels of this look (`sequential.Boundaries.levels`); None means one look at alpha.
    final_look: False while rows are still to come: quantiles are not judged yet.
    unplanned: a look that was not planned, at runs that go on: estimates, but neither p-values nor verdicts.
    runs: 3 turns on the three-run rule; `Samples.runs`, or else the repeats, then say which run a call belongs to.
    anytime: betting e-process instead of fixed looks (bounded scores only); rows in the order of their codes,
    clusters in a random one.
    interleaved: False where the baseline was measured at another time; latency and ratio are then exploratory.
    confounded: the variants differ in more than one thing; a label, no correction can mend it.
    draws: Monte Carlo draws of a sign-flip test that cannot be enumerated.
    """

    alpha: float = 0.05
    seed: int = 1
    aa_required: bool = False
    levels: Levels | None = None
    final_look: bool = True
    unplanned: bool = False
    runs: int = 1
    worst_run: WorstRun = "guard"
    anytime: bool = False
    interleaved: bool = True
    confounded: bool = False
    draws: int = 9999

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 0.5:
            raise ConfigError(f"alpha {self.alpha} is not between 0 and 0.5", mend="0.05 is usual")
        if self.runs not in (1, 3):
            raise ConfigError(f"runs = {self.runs}", mend="use 1, or 3 for the rule close to the floor")
        if self.worst_run not in get_args(WorstRun):
            raise UnknownNameError("worst_run", str(self.worst_run), get_args(WorstRun))

    @property
    def nominal(self) -> Levels:
        """The levels in force."""
        return self.levels or Levels.fixed(self.alpha)
