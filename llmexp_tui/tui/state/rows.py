"""What exactly changed: rows of two runs side by side, filters and sorting by name. No queries here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from llmexp_tui.domain.hashing import canonical_json, text_hash
from llmexp_tui.domain.run import Output
from llmexp_tui.domain.score import Score
from llmexp_tui.reports.figures import money
from llmexp_tui.tui.state.cells import Line, cut, line, width
from llmexp_tui.tui.state.format import count, milliseconds, score
from llmexp_tui.tui.state.paging import Column, TableRow

FILTERS = {
    "all": "all rows",
    "regressed": "regressed",
    "improved": "improved",
    "flipped": "regressed or improved",
    "errored": "a call failed",
    "disagreement": "scores disagree",
}
SORTS = {
    "order": ("first to last", "last to first"),
    "change": ("worst first", "best first"),
    "baseline": ("baseline's lowest first", "baseline's highest first"),
    "candidate": ("candidate's lowest first", "candidate's highest first"),
    "key": ("by name", "by name, last first"),
    "text": ("by input", "by input, last first"),
}
_UNSIDED = {"flipped": "changed", "change": ("largest fall first", "largest rise first")}
"""What the same is called where the metric has no better side."""
_SORTS_OF = {"key": ("key",), "score": ("baseline", "candidate"), "change": ("change",), "excerpt": ("text",)}
"""What a click on a column's title sorts by: one after the other, then each the other way round, then not at all."""


@dataclass(frozen=True, slots=True)
class RowQuery:
    """Which rows are shown. `direction` is the metric's: what is worse depends on it. `slice` is (column, value),

    `directions` every scorer's (name, direction), for the filter on scores that disagree.
    """

    baseline_run: str
    candidate_run: str
    metric: str
    direction: str = "higher"
    filter: str = "all"
    sort: str = "order"
    text: str = ""
    slice: tuple[str, str] | None = None
    directions: tuple[tuple[str, str], ...] = ()
    descending: bool = False

    def next_sort(self) -> RowQuery:
        """The same rows in the next order."""
        names = list(SORTS)
        return replace(self, sort=names[(names.index(self.sort) + 1) % len(names)], descending=False)

    def turned(self) -> RowQuery:
        """The same order the other way round."""
        return replace(self, descending=not self.descending)

    def sorted_by(self, column: str) -> RowQuery:
        """Sorted by a column of the table; by the same again the other way round; then in the dataset's own order."""
        ways = [*((sort, down) for down in (False, True) for sort in _SORTS_OF[column]), ("order", False)]
        here = (self.sort, self.descending)
        sort, down = ways[(ways.index(here) + 1) % len(ways)] if here in ways else ways[0]
        return replace(self, sort=sort, descending=down)

    @property
    def words(self) -> str:
        """What is shown, in words."""
        words: dict[str, Any] = {**FILTERS, **SORTS, **(_UNSIDED if self.direction == "none" else {})}
        parts = [words[self.filter]]
        if self.slice:
            parts.append(f"{self.slice[0]} = {self.slice[1]}")
        if self.text:
            parts.append(f"with “{self.text}”")
        if self.sort != "order" or self.descending:
            parts.append(words[self.sort][self.descending])
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class RowLine:
    """One row of the table: both scores (means over repeats), None where there is none. `key` tells rows apart,

    `name` is the row's own key in its dataset.
    """

    key: str
    name: str
    baseline: float | None
    candidate: float | None
    baseline_failed: bool
    candidate_failed: bool
    excerpt: str


@dataclass(frozen=True, slots=True)
class ArmRow:
    """One arm's side of a row: its outputs (one a repeat) and the scores of each, by metric."""

    variant: str
    outputs: tuple[Output, ...]
    scores: tuple[Mapping[str, Score], ...] = ()

    @property
    def text(self) -> str:
        """The answers one under the other; a failed call shows its error."""
        if not self.outputs:
            return ""
        if len(self.outputs) == 1:
            return answer_of(self.outputs[0])
        return "\n".join(f"[repeat {o.repeat + 1}]\n{answer_of(o)}" for o in self.outputs)

    @property
    def foot(self) -> Line:
        """What the answer took; of several repeats the first."""
        if not self.outputs:
            return line(("no answer stored", "warn"))
        first = self.outputs[0]
        tokens = f"{count(first.input_tokens)}+{count(first.output_tokens)} tok"
        parts = [milliseconds(first.latency_ms), tokens, money(first.cost_usd)]
        if first.cached:
            parts.append("cached")
        if first.finish_reason not in (None, "stop"):
            parts.append(str(first.finish_reason))
        which = f" (1/{len(self.outputs)})" if len(self.outputs) > 1 else ""
        return line((" · ".join(parts) + which, "muted"))


def answer_of(output: Output) -> str:
    """What came back: the text, the tools it calls, or why there is none."""
    if output.error_kind is not None:
        return f"call failed: {output.error_kind}: {output.error or ''}"
    calls = [f"→ {call.get('name')}({_arguments(call.get('arguments'))})" for call in output.tool_calls]
    return "\n".join([*([output.text] if output.text else []), *calls])


def _arguments(value: Any) -> str:
    return value if isinstance(value, str) else canonical_json(value)


@dataclass(frozen=True, slots=True)
class RowDetail:
    """Everything on one row of two runs. `slices`: (column, value as text) for each slice that it belongs to."""

    key: str
    row_hash: str
    values: Mapping[str, Any]
    expected: str | None
    baseline: ArmRow
    candidate: ArmRow
    dataset: str | None = None
    id_column: str | None = None
    expected_column: str = "expected"
    slices: tuple[tuple[str, str], ...] = ()


def row_key(row_no: int, name: str) -> str:
    """The table's key of a row: the store's number for it, and its own key."""
    return f"{row_no}\x1f{name}"


def row_no_of(key: str) -> int:
    """The store's number of a row's table key."""
    return int(key.partition("\x1f")[0])


def name_of(key: str) -> str:
    """The row's own key of a row's table key."""
    return key.partition("\x1f")[2]


def change_of(item: RowLine, direction: str) -> str:
    """regressed, improved, same, or unknown where a score is missing. A failed call is worse than any answer.

    changed where the metric has no better side.
    """
    if item.baseline_failed or item.candidate_failed:
        if item.baseline_failed and item.candidate_failed:
            return "same"
        return "regressed" if item.candidate_failed else "improved"
    if item.baseline is None or item.candidate is None:
        return "unknown"
    if item.baseline == item.candidate:
        return "same"
    if direction == "none":
        return "changed"
    return "improved" if (item.candidate > item.baseline) == (direction != "lower") else "regressed"


_CHANGES = {
    "regressed": ("✗ regressed", "bad"),
    "improved": ("✓ improved", "good"),
    "same": ("= same", "muted"),
    "changed": ("~ changed", "muted"),
    "unknown": ("· no score", "muted"),
}


def table_columns(asked: RowQuery) -> tuple[Column, ...]:
    """The table's columns, an arrow at the one that the rows are sorted by."""
    titles = (("key", "Row", 14), ("score", asked.metric, 15), ("change", "Change", 11), ("excerpt", "Input", 0))
    arrow = " ↓" if asked.descending else " ↑"
    return tuple(
        Column(key, title[: (cells or 99) - 2] + (arrow if asked.sort in _SORTS_OF[key] else ""), cells,
               drop_below=54 if key == "score" else 0)
        for key, title, cells in titles
    )  # fmt: skip


def table_row(item: RowLine, direction: str) -> TableRow:
    """One row of the table."""
    word = _CHANGES[change_of(item, direction)]
    return TableRow(
        item.key,
        (
            line(item.name),
            line(f"{_side(item.baseline, item.baseline_failed)} → {_side(item.candidate, item.candidate_failed)}"),
            line(word),
            line((item.excerpt, "muted")),
        ),
    )


def _side(value: float | None, failed: bool) -> str:
    return "error" if failed else score(value)


def excerpt_of(values: Mapping[str, Any], hidden: Sequence[str] = ()) -> str:
    """The row's own text, as short as a table line: the longest text column that is not the answer."""
    texts = [str(value) for name, value in values.items() if name not in hidden and isinstance(value, str)]
    return max(texts, key=len, default="")[:300]


def shown_input(detail: RowDetail) -> Line:
    """What was asked, in the few lines that a pane beside the answers has."""
    hidden = (detail.expected_column, detail.id_column or "")
    return line(("input     ", "muted"), excerpt_of(detail.values, hidden))


def input_lines(detail: RowDetail) -> str:
    """All columns of a row as text: each name, then its value."""
    return input_lines_of(detail.values)


def input_lines_of(values: Mapping[str, Any]) -> str:
    """Columns as text: each name, then its value."""
    parts = []
    for name, value in values.items():
        text = value if isinstance(value, str) else canonical_json(value)
        parts.append(f"{name}: {text}")
    return "\n".join(parts)


def score_lines(detail: RowDetail, metric: str = "") -> list[Line]:
    """Each metric, the asked one first: both arms' score with their labels, and under it reasons and errors."""
    lines: list[Line] = []
    for name in _metrics(detail, metric):
        lines.append(_figures(detail, name, name))
        lines += [line((f"  {text}", tone)) for text, tone in _reasons(detail, name)]
    return lines


def brief_score_lines(detail: RowDetail, cells: int, reason: int, metric: str = "") -> list[Line]:
    """All scores, as many to a line of so many cells as fit; only then the reasons, each cut to `reason` cells.

    The asked metric is the first. Of a person stands the name alone.
    """
    lines: list[Line] = []
    for name in _metrics(detail, metric):
        figures = _figures(detail, name, name.partition(" <")[0])
        together = (*lines[-1], *line("   "), *figures) if lines else figures
        lines[-1:] = [together] if width(together) <= cells else [*lines[-1:], figures]
    for name in _metrics(detail, metric):
        lines += [cut(line((f"{name}, {text}", tone)), reason) for text, tone in _reasons(detail, name)]
    return lines


def _metrics(detail: RowDetail, first: str) -> list[str]:
    """What there are scores of, in their order, but for the one that comes first."""
    arms = (detail.baseline, detail.candidate)
    names = dict.fromkeys(name for arm in arms for scores in arm.scores for name in scores)
    return sorted(names, key=lambda name: name != first)


def _figures(detail: RowDetail, metric: str, title: str) -> Line:
    left, right = (_scores(arm, metric) for arm in (detail.baseline, detail.candidate))
    return line((f"{title}  ", "strong"), f"{_score_texts(left)} → {_score_texts(right)}")


def _reasons(detail: RowDetail, metric: str) -> list[tuple[str, str]]:
    """Why each output has its score of a metric, or none, and the tone to say it in."""
    reasons = []
    for arm in (detail.baseline, detail.candidate):
        scores = _scores(arm, metric)
        for repeat, found in enumerate(scores):
            if found is not None and (found.reason or found.error):
                which = f"{arm.variant} {repeat + 1}" if len(scores) > 1 else arm.variant
                reasons.append((f"{which}: {found.error or found.reason}", "bad" if found.error else "muted"))
    return reasons


def _scores(arm: ArmRow, name: str) -> list[Score | None]:
    """One a repeat, None where it has no such score."""
    return [scores.get(name) for scores in arm.scores]


def _score_texts(scores: Sequence[Score | None]) -> str:
    return " ".join(_score_text(found) for found in scores) or "–"


def _score_text(found: Score | None) -> str:
    if found is None:
        return "–"
    if found.value is None:
        return "failed"
    return f"{score(found.value)}{f' ({found.label})' if found.label else ''}"


def answer_to_keep(detail: RowDetail) -> str | None:
    """What the candidate said, in the first repeat that came back with words; None where none did."""
    return next((output.text for output in detail.candidate.outputs if output.text), None)


def new_row(detail: RowDetail, answer: str) -> dict[str, Any]:
    """The row once more under a new id, with this as its reference answer."""
    values = {**detail.values, detail.expected_column: answer}
    if detail.id_column is not None:
        values[detail.id_column] = f"{detail.key}-{text_hash(answer)[:6]}"
    return values


def as_text(detail: RowDetail) -> str:
    """The whole row as plain text, for the clipboard."""
    parts = [f"row {detail.key}", input_lines(detail)]
    if detail.expected is not None:
        parts.append(f"expected: {detail.expected}")
    parts += [f"--- {arm.variant}\n{arm.text}" for arm in (detail.baseline, detail.candidate)]
    return "\n".join(parts)
