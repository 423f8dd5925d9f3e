"""Why a verdict is what it is, in two sentences for a person who never took statistics.

The app, the command line and every report speak with these words. The first sentence says what was seen, the second
what it means and what to do. No symbol, no p-value, no jargon; numbers are written by `figures`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from llmexp_tui.domain.text import one_line
from llmexp_tui.reports import figures
from llmexp_tui.stats.distributions import normal_sf
from llmexp_tui.stats.result import Comparison, MetricResult, Status

_NAME = 40
_RARE = 1000
_BETTER_YET = {
    "better, but by no more than the noise": "but the baseline moves about as much when nothing has changed",
    "better, but fewer than": "but on too few rows that do not depend on each other",
    "better, but not shown to be so by": "but not for sure by as much as was asked for",
}
"""Why a gain is no improvement, by the note that says so."""
_SHORTFALLS = {
    "correction": ", because several candidates were tried",
    "must_improve": ", because it had to improve",
    "floor": ", because the baseline has not been run against itself",
}


def explain(metric: MetricResult) -> tuple[str, str]:
    """Two sentences on one metric of one candidate: what was seen, and what that means."""
    if metric.invalid:
        return f"{_subject(metric)} cannot be judged: {one_line(metric.reason, 300)}.", _mend(metric)
    if metric.delta is None and metric.verdict == "inconclusive":
        return f"{_subject(metric)} gave no verdict: {one_line(metric.reason, 300)}.", _advice(metric)
    return f"{_seen(metric)}{_runs(metric)}{_own_noise(metric)}.", f"{_meaning(metric)}{_caveat(metric)}."


def details(metric: MetricResult) -> tuple[str, ...]:
    """What else to know of a metric, a sentence each, only where there is something: how little it hangs on."""
    if metric.invalid:
        return ()
    found = (timed_out(metric), _fragile(metric), _worst_case(metric), _influential(metric), _never_moved(metric))
    return tuple(sentence for sentence in found if sentence)


def timed_out(metric: MetricResult) -> str:
    """Why a quantile may be longer than any answer took."""
    failed = metric.n_failed_baseline + metric.n_failed_candidate
    if not failed or metric.statistic == "mean" or metric.metric not in ("latency", "ttft"):
        return ""
    return "A failed call counts as one that took the whole time-out."


def _fragile(metric: MetricResult) -> str:
    if metric.fragility is None:
        return ""
    return f"Swapping the two results of {_rows(metric.fragility)} would change the verdict."


def _worst_case(metric: MetricResult) -> str:
    """What the pairs that the scorer lost could have changed."""
    if metric.worst_case_low is None or metric.worst_case_high is None:
        return ""
    low, high = (
        f"{figures.difference(metric, value, signed=True)}{figures.unit_of_change(metric)}"
        for value in (metric.worst_case_low, metric.worst_case_high)
    )
    lost = f"{_rows(metric.n_scorer_failed)} could not be scored"
    return f"{lost}: had all of them gone one way, the change would be {low}, the other way {high}."


def _influential(metric: MetricResult) -> str:
    """The rows whose absence would move a graded change most, where one of them moves it much and to be seen."""
    top = [row for row in metric.influential if _without(metric, row.change)[0] in "+−"]
    error = metric.standard_error
    if not top or not error or abs(top[0].change) < error / 4:
        return ""
    rows = ", ".join(f"{one_line(str(row.row), 24)} ({_without(metric, row.change)})" for row in top)
    return f"A few rows weigh much; left out one at a time, these would move the change most: {rows}."


def _without(metric: MetricResult, change: float) -> str:
    moved = math.expm1(change) if metric.is_ratio and change < 700 else change
    return f"{figures.difference(metric, moved, signed=True)}{figures.unit_of_change(metric)}"


def _never_moved(metric: MetricResult) -> str:
    if metric.flip_rate_bound is None or metric.aa_rows is None:
        return ""
    share = f"{figures.percent(metric.flip_rate_bound)} %"
    moved = f"The baseline against itself moved on none of {_rows(metric.aa_rows)}"
    return f"{moved}: at most {share} of rows move at all."


def explain_gate(comparison: Comparison) -> str:
    """One sentence on the whole gate."""
    return explain_status(comparison.status, comparison.metrics)


def explain_status(status: Status, metrics: Sequence[MetricResult]) -> str:
    """One sentence on a gate's status, from its metrics."""
    registered = [metric for metric in metrics if metric.registered]
    broken = [metric for metric in registered if metric.invalid]
    if status == "invalid" and not broken and any(_is_of_another_time(metric) for metric in metrics):
        since = "the baseline was run at another time, and nothing shows that it would still answer the same"
        return f"The gate cannot be judged: {since}."
    if not registered and any(_is_of_another_time(metric) for metric in metrics):
        return "Nothing passes or fails, as the baseline was run at another time; the figures are for looking around."
    if not registered:
        return "Nothing was promised beforehand, so nothing passes or fails; the figures are for looking around."
    if status == "pass":
        return f"The gate passes: {_passed(registered)}."
    if status == "fail":
        failed = [metric for metric in registered if metric.gate == "fail"]
        return f"The gate fails: {_list(failed)} got worse, and may be worse by more than was allowed."
    if status == "invalid":
        rest = _verb(broken, "rests", "rest")
        return f"The gate cannot be judged: {_list(broken)} {rest} on data that may not be compared."
    waiting = [metric for metric in registered if metric.gate != "pass"]
    shown = f"{_verb(waiting, 'has not shown what it', 'have not shown what they')} must"
    return f"The gate is undecided: {_list(waiting)} {shown}; that is not the same as being worse."


def _subject(metric: MetricResult) -> str:
    return f"{one_line(figures.metric_title(metric), _NAME)} of {one_line(metric.candidate, _NAME)}"


def _seen(metric: MetricResult) -> str:
    """What happened, in counts where rows can be counted and in values where they cannot."""
    name, title = one_line(metric.candidate, _NAME), one_line(figures.metric_title(metric), _NAME)
    values = figures.arm_values(metric)
    if metric.is_ratio or metric.statistic not in ("mean", "share"):
        nothing = "from nothing" if metric.baseline == 0 else "to nothing"
        way = nothing if metric.delta is None else _way(metric, metric.delta)
        return f"{title} went {values} with {name}, {way} over {_rows(metric.n_pairs)}"
    if metric.direction == "none":
        return f"{title} went {values} with {name}, more on {_rows(metric.wins)} and less on {metric.losses:,}"
    split = f"{name} was better on {_rows(metric.wins)} and worse on {metric.losses:,} of {metric.n_pairs:,}"
    if metric.type == "pairwise":
        return f"On {title}, {split}{_net(metric)}"
    return f"On {title} ({values}), {split}{_net(metric)}"


def _net(metric: MetricResult) -> str:
    """What the wins and losses come to, where the change is counted in rows and not in the arms' values."""
    if not metric.net or not metric.delta:
        return ""
    won = (metric.delta > 0) == (metric.direction != "lower")
    size = f"{figures.difference(metric, abs(metric.delta))}{figures.unit_of_change(metric)}"
    return f", {size} more of the rows {'won than lost' if won else 'lost than won'}"


def _runs(metric: MetricResult) -> str:
    """What each run came to on its own, where several were pooled."""
    if len(metric.run_deltas) < 2:
        return ""
    told = ", ".join(figures.difference(metric, delta, signed=True) for delta in metric.run_deltas)
    return f"; its runs on their own came to {told}{figures.unit_of_change(metric)}"


def _way(metric: MetricResult, delta: float) -> str:
    if delta == 0:
        return "no change"
    size = f"{figures.difference(metric, abs(delta))}{figures.unit_of_change(metric)}"
    return f"{size} {'more' if delta > 0 else 'less'}"


def _own_noise(metric: MetricResult) -> str:
    """How often the baseline alone moves as much: the noise floor as a frequency."""
    if metric.noise_floor_state == "unmeasured":
        return "; how much the baseline moves on its own was not measured"
    if metric.noise_floor_state == "deterministic":
        return "; the baseline run again gave exactly the same, so none of this is its own noise"
    if metric.floor_ratio is None or metric.cause == "unplanned":
        return ""
    share = 2.0 * normal_sf(1.96 * metric.floor_ratio)
    if share >= 0.5:
        return "; running the baseline against itself usually moves at least as much as that"
    return f"; running the baseline against itself moves as much as that {_odds(share)}"


def _meaning(metric: MetricResult) -> str:
    chance = f"were the two the same, a gap like this would show up {_chance(metric)}"
    if metric.verdict == "improved":
        return f"This counts as an improvement: {chance}"
    if metric.verdict == "regressed":
        allowed = figures.margin_text(metric)
        beyond = f", and the loss may exceed the {allowed} allowed" if metric.margin else ""
        return f"This counts as a step back: {chance}{beyond}"
    if metric.verdict == "no_regression":
        return _not_worse(metric)
    return _undecided(metric)


def _chance(metric: MetricResult) -> str:
    return _odds(metric.p_value if metric.p_value is not None else 1.0)


def _not_worse(metric: MetricResult) -> str:
    allowed = figures.margin_text(metric)
    if metric.note and "significantly worse" in metric.note:
        return f"It is clearly worse, but by less than the {allowed} allowed, so it counts as not worse"
    better = next((words for part, words in _BETTER_YET.items() if metric.note and part in metric.note), None)
    if better:
        return f"It is better, {better}, so it counts as not worse"
    if metric.equivalent:
        return f"Neither a loss nor a gain as large as the {allowed} allowed would fit these rows: as good as before"
    return f"A loss as large as the {allowed} allowed would not fit these rows, so it counts as not worse"


def _undecided(metric: MetricResult) -> str:
    if metric.cause == "open":
        unit = figures.unit_of_change(metric)
        low = figures.difference(metric, metric.ci90_low, signed=True)
        high = figures.difference(metric, metric.ci90_high, signed=True)
        allowed = figures.margin_text(metric)
        span = f"the true change may be anything from {low} to {high}{unit}, and {allowed} worse is the most allowed"
        return f"No verdict: {span}{_settle(metric)}"
    if metric.cause == "unseen":
        hidden = f"in {_rows(metric.n_pairs)} a fault that is rare but complete could still hide"
        return f"No verdict: {hidden}{_settle(metric)}"
    if metric.cause == "floor":
        return f"No verdict: the baseline moves about as much when nothing has changed{_settle(metric)}"
    if metric.cause == "no_margin":
        blank = "no change beyond chance, and no limit was set for how much worse is acceptable"
        return f"No verdict: {blank}{_reach(metric)}"
    return f"No verdict: {one_line(metric.reason, 300)}"


def _settle(metric: MetricResult) -> str:
    """What would settle it: rows, or repeats on the rows there are; where nothing would, what can be seen at all."""
    rows = metric.rows_needed
    if rows is None or rows <= metric.n_pairs:
        return _reach(metric)
    repeats = metric.repeats_needed
    also = f", or {repeats} calls for each of these rows," if repeats else ""
    return f"; about {rows:,} rows{also} would likely settle it"


def _reach(metric: MetricResult) -> str:
    """The smallest change that these rows would show 8 times in 10."""
    if metric.mde is None:
        return ""
    size = f"{figures.difference(metric, metric.mde)}{figures.unit_of_change(metric)}"
    return f"; these rows would likely show a change of {size} or more"


def _caveat(metric: MetricResult) -> str:
    parts = []
    if metric.gate == "inconclusive" and metric.verdict == "regressed":
        parts.append("with several questions asked at once it is not sure enough to fail the gate")
    elif metric.gate == "inconclusive" and metric.verdict in ("improved", "no_regression"):
        parts.append("for the gate that is not enough" + _SHORTFALLS.get(metric.shortfall or "", ""))
    if _is_of_another_time(metric):
        parts.append("the baseline was run at another time, so it neither passes nor blocks")
    elif not metric.registered:
        parts.append("nobody promised this beforehand, so it neither passes nor blocks")
    if metric.confounded:
        parts.append("the variants differ in more than one thing, so what caused it is open")
    return "".join(f"; {part}" for part in parts)


def _is_of_another_time(metric: MetricResult) -> bool:
    return metric.note is not None and "another time" in metric.note


def _mend(metric: MetricResult) -> str:
    if metric.noise_floor_state == "invalid" and metric.delta is not None:
        return "Run the baseline against itself again, fresh and interleaved, before trusting any comparison."
    if metric.n_unpaired:
        return "Finish the run, so that both variants have answered the same rows, and compare again."
    if not metric.n_pairs:
        return "Finish the run, or name a slice that has rows."
    return "Mend the scores and compare again."


def _advice(metric: MetricResult) -> str:
    if metric.cause == "not_called":
        return "Check again where models may be called; for a gate both arms are then called anew."
    if metric.n_pairs < 6:
        return "At least 6 rows that do not depend on each other are needed, and usually far more."
    return "More rows that do not depend on each other are needed."


def _odds(p: float) -> str:
    """A probability as a frequency: `1 time in 62`."""
    if p >= 0.75:
        return "nearly every time"
    if p >= 0.4:
        return "about half of the time"
    if p < 1.0 / _RARE:
        return f"less than 1 time in {_RARE:,}"
    return f"about 1 time in {round(1.0 / p):,}"


def _rows(count: int) -> str:
    return f"{count:,} row" if count == 1 else f"{count:,} rows"


def _passed(registered: Sequence[MetricResult]) -> str:
    improved = [metric for metric in registered if metric.verdict == "improved"]
    steady = [metric for metric in registered if metric.verdict != "improved"]
    parts = [f"{_list(improved)} improved"] if improved else []
    if steady:
        parts.append(f"{_list(steady)} {_verb(steady, 'is', 'are')} not worse by more than was allowed")
    return " and ".join(parts)


def _verb(metrics: Sequence[MetricResult], one: str, several: str) -> str:
    return several if len(metrics) > 1 or metrics[0].metric in ("errors", "tokens") else one


def _list(metrics: Sequence[MetricResult]) -> str:
    """The metrics' names, with the candidate where there are several."""
    several = len({metric.candidate for metric in metrics}) > 1
    names = [_subject(metric) if several else one_line(figures.metric_title(metric), _NAME) for metric in metrics]
    if not names:
        return "a metric"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
