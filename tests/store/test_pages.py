from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import event

from llmexp_tui.domain.dataset import make_row
from llmexp_tui.domain.run import RunStatus
from llmexp_tui.domain.score import PEOPLE, Score, against
from llmexp_tui.errors import CalledOffError, UsageError
from llmexp_tui.store import comparisons, datasets, overview, pair_lists, queue, runs, scores
from llmexp_tui.store.cells import write_cells
from llmexp_tui.store.engine import Store
from llmexp_tui.store.pages import ArmValue, PairLists, PairPages
from llmexp_tui.store.pair_lists import FILTERS, SORTS, PairQuery
from tests.store.samples import AT, EXACT, LENGTH, answer, cell, failure, make_rows, make_runs, run_record

QUERY = PairQuery("base", "cand", EXACT)


@pytest.fixture
def rows(store: Store) -> list[int]:
    """Two runs over eight rows. Exact match of base and cand, row by row:

    1→1, 1→0, 0→1, 0→0, failed→1, 1→failed, not scored→1, 1→(no output).
    """
    numbers = make_runs(store, "base", "cand", rows=8)
    base = [1.0, 1.0, 0.0, 0.0, None, 1.0, "broke", 1.0]
    cand = [1.0, 0.0, 1.0, 0.0, 1.0, None, 1.0]
    write_cells(store, [made("base", numbers[n], value, n) for n, value in enumerate(base)])
    write_cells(store, [made("cand", numbers[n], value, -n) for n, value in enumerate(cand)])
    return numbers


def made(run: str, row: int, value: float | str | None, length: float) -> object:
    if value is None:
        return cell(run, row, failure(message=f"timeout of {run}"))
    exact = Score(None, error=value) if isinstance(value, str) else Score(value)
    return cell(run, row, answer(f"{run} says {row}", latency_ms=float(row)),
                scores=((EXACT, exact), (LENGTH, Score(length))))  # fmt: skip


def found(store: Store, rows: list[int], **changes: object) -> list[int]:
    """Places (0 … 7) of the rows that a query finds, in its order; page, count and locate agree on them."""
    shown = PairPages(store, replace(QUERY, **changes))  # type: ignore[arg-type]
    numbers = [row.row_no for row in shown.page(0, 100)]
    assert shown.count() == len(numbers)
    assert [shown.locate(no) for no in numbers] == list(range(len(numbers)))
    assert all(shown.locate(no) is None for no in rows if no not in numbers)
    return [rows.index(no) for no in numbers]


def test_all_rows_in_the_order_they_came(store: Store, rows: list[int]) -> None:
    assert found(store, rows) == [0, 1, 2, 3, 4, 5, 6, 7]
    shown = PairPages(store, QUERY)
    assert [row.row_no for row in shown.page(3, 2)] == rows[3:5]
    assert shown.page(8, 10) == []


def test_a_line_says_what_each_side_has(store: Store, rows: list[int]) -> None:
    line = PairPages(store, QUERY).page(0, 8)
    assert (line[1].key, line[1].values["question"]) == ("r0001", "What is 1?")
    assert line[1].hash == next(iter(make_rows(1, 1))).hash
    assert (line[1].baseline, line[1].candidate) == (ArmValue(1.0, 1, 0, 0, 0), ArmValue(0.0, 1, 0, 0, 0))
    assert line[4].baseline == ArmValue(None, 1, 1, 0, 0)
    assert line[6].baseline == ArmValue(None, 1, 0, 1, 0)
    assert line[7].candidate == ArmValue(None, 0, 0, 0, 0)


def test_filters(store: Store, rows: list[int]) -> None:
    assert found(store, rows, filter="regressed") == [1, 5]
    assert found(store, rows, filter="improved") == [2, 4]
    assert found(store, rows, filter="flipped") == [1, 2, 4, 5]
    assert found(store, rows, filter="errored") == [4, 5, 6]
    assert found(store, rows, filter="regressed", direction="lower") == [2, 5]


def test_without_a_better_side_only_a_failed_call_is_worse(store: Store, rows: list[int]) -> None:
    assert found(store, rows, filter="regressed", direction="none") == [5]
    assert found(store, rows, filter="improved", direction="none") == [4]
    assert found(store, rows, filter="flipped", direction="none") == [1, 2, 4, 5]
    assert found(store, rows, sort="change", direction="none") == [1, 5, 0, 3, 6, 2, 4, 7]


def test_values_over_repeats(store: Store) -> None:
    """Of three answers each: all pass → one; one → two; none → one beside a failed call; one → one is unscored."""
    numbers = make_runs(store, "base", "cand", rows=4)
    passed: list[tuple[list[float | str | None], list[float | str | None]]] = [
        ([1.0, 1.0, 1.0], [0.0, 1.0, 0.0]), ([0.0, 1.0, 0.0], [1.0, 1.0, 0.0]), ([0.0, 0.0, 0.0], [1.0, None, 0.0]),
        ([0.0, 1.0, 0.0], [1.0, "broke", "broke"]),
    ]
    for no, sides in zip(numbers, passed, strict=True):
        for run, values in zip(("base", "cand"), sides, strict=True):
            made_cells = (made(run, no, value, 0.0) for value in values)
            write_cells(store, [replace(one, repeat=n) for n, one in enumerate(made_cells)])
    shown = PairPages(store, replace(QUERY, over=("pass_at_k", 2))).page(0, 4)
    assert [row.baseline.value for row in shown] == pytest.approx([1.0, 2 / 3, 0.0, 2 / 3])
    assert [row.candidate.value for row in shown] == [pytest.approx(2 / 3), 1.0, pytest.approx(2 / 3), None]
    shown = PairPages(store, replace(QUERY, over=("pass_hat_k", 2))).page(0, 4)
    assert [row.baseline.value for row in shown] == [1.0, 0.0, 0.0, 0.0]
    assert [row.candidate.value for row in shown] == [0.0, pytest.approx(1 / 3), 0.0, None]
    assert found(store, numbers, over=("pass_at_k", 3), filter="regressed") == []
    assert found(store, numbers, over=("pass_hat_k", 3), filter="regressed") == [0]
    assert found(store, numbers, over=("pass_at_k", 2), sort="change") == [0, 3, 1, 2]


def test_rows_on_which_scorers_disagree(store: Store, rows: list[int]) -> None:
    both = ((EXACT, "higher"), (LENGTH, "lower"))
    assert found(store, rows, filter="disagreement", metrics=both) == [1]
    assert found(store, rows, filter="disagreement", metrics=both[:1]) == []


def test_a_failed_call_may_count_as_the_worst_score(store: Store, rows: list[int]) -> None:
    assert found(store, rows, filter="flipped", worst=0.0) == [1, 2, 4, 5]
    assert found(store, rows, filter="regressed", worst=1.0) == [1]
    assert PairPages(store, replace(QUERY, worst=0.0)).page(4, 1)[0].baseline.value == 0.0


def test_orders_put_nothing_last(store: Store, rows: list[int]) -> None:
    assert found(store, rows, sort="change") == [1, 5, 0, 3, 6, 2, 4, 7]
    assert found(store, rows, sort="change", descending=True) == [2, 4, 0, 3, 6, 1, 5, 7]
    assert found(store, rows, sort="baseline") == [2, 3, 0, 1, 5, 7, 4, 6]
    assert found(store, rows, sort="candidate") == [1, 3, 0, 2, 4, 6, 5, 7]
    assert found(store, rows, sort="key", descending=True) == [7, 6, 5, 4, 3, 2, 1, 0]
    assert found(store, rows, descending=True) == [7, 6, 5, 4, 3, 2, 1, 0]


def test_rows_sort_by_their_own_text(store: Store) -> None:
    texts = ({"q": "pear"}, {"q": "Apple", "label": "longer than it"}, {"q": 7}, {"q": "fig", "label": None})
    odd = [make_row(values, key=str(n)) for n, values in enumerate(texts)]
    dataset, _ = datasets.add_version(store, "odd", odd, columns=("q", "label"), author="ada", at=AT)
    runs.create_runs(store, [run_record(id, dataset) for id in ("base", "cand")])
    numbers = [ref.no for ref in datasets.row_refs(store, dataset.hash)]
    write_cells(store, [cell("base", no) for no in numbers])
    assert found(store, numbers, sort="text", hidden=("label",)) == [1, 3, 0, 2]
    assert found(store, numbers, sort="text", hidden=("label",), descending=True) == [0, 3, 1, 2]
    assert found(store, numbers, sort="text") == [3, 1, 0, 2]


@pytest.mark.parametrize(
    ("needle", "places"),
    [("What is 3?", [3]), ("cand SAYS", [0, 1, 2, 3, 4, 6]), ("timeout of base", [4]), ("100%", []), ("_", []),
     ("r000", [0, 1, 2, 3, 4, 5, 6, 7]), ("\udc80", [])],
)  # fmt: skip
def test_text_is_looked_for_in_rows_answers_and_errors(
    store: Store, rows: list[int], needle: str, places: list[int]
) -> None:
    assert found(store, rows, text=needle) == places


def test_text_with_signs_that_json_and_like_escape(store: Store) -> None:
    odd = [make_row({"q": value}, key=str(n)) for n, value in enumerate(('say "hi"', "a_b", "50% \\ off", "é\n漢"))]
    dataset, _ = datasets.add_version(store, "odd", odd, columns=("q",), author="ada", at=AT)
    runs.create_runs(store, [run_record(id, dataset) for id in ("base", "cand")])
    numbers = [ref.no for ref in datasets.row_refs(store, dataset.hash)]
    write_cells(store, [cell("base", no, answer("lone \ud800 x")) for no in numbers])
    for needle, place in (('"hi"', 0), ("a_b", 1), ("50% \\", 2), ("é\n漢", 3)):
        assert found(store, numbers, text=needle) == [place]
    assert found(store, numbers, text="lone") == [0, 1, 2, 3]


def test_slices(store: Store, rows: list[int]) -> None:
    assert found(store, rows, slice=("channel", "web")) == [1, 3, 5, 7]
    assert found(store, rows, slice=("channel", "web"), filter="regressed") == [1, 5]
    assert found(store, rows, slice=("missing", "web")) == []
    assert len(found(store, rows, slice=("missing", ""))) == 8


@pytest.mark.parametrize(
    ("value", "wanted"), [(True, "True"), (None, ""), (1, "1"), (0.5, "0.5"), ("ü \ud800", "ü \ud800")]
)
def test_slice_values_as_text(store: Store, value: object, wanted: str) -> None:
    odd = [make_row({'a "b".c': value}, key="1"), make_row({'a "b".c': "another"}, key="2")]
    dataset, _ = datasets.add_version(store, "odd", odd, columns=("c",), author="ada", at=AT)
    runs.create_runs(store, [run_record(id, dataset) for id in ("base", "cand")])
    numbers = [ref.no for ref in datasets.row_refs(store, dataset.hash)]
    write_cells(store, [cell("base", no) for no in numbers])
    assert found(store, numbers, slice=('a "b".c', wanted)) == [0]


def test_repeats_are_averaged_or_looked_at_alone(store: Store) -> None:
    first, second, *_ = make_runs(store, "base", "cand")
    values = {("base", first): (1.0, 0.0), ("cand", first): (1.0, 1.0), ("base", second): (1.0, None)}
    write_cells(
        store,
        [
            replace(made(run, row, value, 0), repeat=n)  # type: ignore[type-var]
            for (run, row), both in values.items()
            for n, value in enumerate(both)
        ],
    )
    shown = PairPages(store, QUERY).page(0, 9)
    assert (shown[0].baseline, shown[0].candidate.value) == (ArmValue(0.5, 2, 0, 0, 0), 1.0)
    assert shown[1].baseline == ArmValue(1.0, 2, 1, 0, 0)
    alone = PairPages(store, replace(QUERY, repeat=1)).page(0, 9)
    assert (alone[0].baseline.value, alone[1].baseline.failed) == (0.0, 1)
    assert PairPages(store, replace(QUERY, repeat=0, filter="improved")).count() == 0
    assert PairPages(store, replace(QUERY, repeat=1, filter="improved")).count() == 1


def test_built_in_figures_as_metric(store: Store, rows: list[int]) -> None:
    line = PairPages(store, replace(QUERY, metric="latency_ms", direction="lower")).page(1, 1)[0]
    assert line.baseline.value == float(rows[1])
    assert found(store, rows, metric="errors", direction="lower", filter="regressed") == [5]


def test_next_and_previous(store: Store, rows: list[int]) -> None:
    shown = PairPages(store, QUERY)
    assert [shown.find_next(place, "regressed") for place in (-1, 0, 1, 4, 5)] == [1, 1, 5, 5, None]
    assert [shown.find_next(place, "regressed", backwards=True) for place in (8, 5, 1)] == [5, 1, None]
    turned = PairPages(store, replace(QUERY, descending=True))
    assert turned.find_next(-1, "regressed") == 2


def test_a_list_stays_as_it_was_until_refreshed(store: Store, rows: list[int]) -> None:
    shown = PairPages(store, replace(QUERY, filter="regressed"))
    assert shown.count() == 2
    write_cells(store, [made("cand", rows[7], 0.0, 0)])  # type: ignore[list-item]
    assert shown.count() == 2
    shown.refresh()
    assert shown.count() == 3


ASKED = [{"filter": "regressed"}, {"filter": "improved", "sort": "change"}, {"text": "says"},
         {"slice": ("channel", "web")}, {"filter": "disagreement", "metrics": ((EXACT, "higher"),)}]  # fmt: skip


@pytest.mark.parametrize("changes", ASKED)
def test_a_long_search_tells_how_far_it_is_and_can_be_called_off(
    store: Store, rows: list[int], changes: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pair_lists, "_RANGE", 3)
    monkeypatch.setattr(pair_lists, "_STEPS", 1)
    query = replace(QUERY, **changes)  # type: ignore[arg-type]
    told: list[float | None] = []
    shown = PairPages(store, query, watch=lambda share: told.append(share) is None)
    assert shown.count() == PairPages(store, query).count()
    shares = [share for share in told if share is not None]
    assert len(told) > 20
    assert query.sort == "change" or query.metrics or shares == [3 / 8, 6 / 8, 1.0]
    for last in (1, 20, len(told)):
        left = iter(range(last - 1))
        with pytest.raises(CalledOffError):
            PairPages(store, query, watch=lambda _, left=left: next(left, None) is not None).count()  # type: ignore[misc]
    assert shown.count() == PairPages(store, query).count(), "nothing of a search that was called off stays behind"


def test_looking_for_the_next_goes_no_further_than_it_must_and_can_be_called_off(store: Store) -> None:
    numbers = make_runs(store, "base", "cand", rows=1200)
    for run in ("base", "cand"):
        write_cells(store, [made(run, row, float(run == "base" or n != 1000), 0) for n, row in enumerate(numbers)])
    told: list[float | None] = []
    shown = PairPages(store, QUERY, watch=lambda share: told.append(share) is None)
    assert [shown.find_next(place, "regressed") for place in (900, 999, 1000)] == [1000, 1000, None]
    assert told == [1.0], "only where there was nothing further"
    assert shown.find_next(0, "regressed") == 1000 and told[1:] == [256 / 1199, 768 / 1199]
    assert shown.find_next(1200, "regressed", backwards=True) == 1000
    with pytest.raises(CalledOffError):
        PairPages(store, QUERY, watch=lambda share: False).find_next(0, "regressed")


def test_questions_about_the_same_runs_share_what_was_found(store: Store, rows: list[int]) -> None:
    lists = PairLists()
    worst = replace(QUERY, filter="regressed", sort="change")
    assert PairPages(store, worst, lists=lists).count() == 2
    silent = PairPages(store, worst, lists=lists, watch=lambda share: False)
    assert silent.count() == 2, "found before: nothing is looked for that could be called off"


@pytest.mark.parametrize("change", [{"filter": "x"}, {"sort": "x; DROP TABLE run"}])
def test_unknown_filters_and_orders(store: Store, change: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        PairPages(store, replace(QUERY, **change))  # type: ignore[arg-type]


def test_live_runs_with_progress(store: Store) -> None:
    numbers = make_runs(store, "r1", "r2", "r3")
    runs.set_status(store, ["r1"], RunStatus.RUNNING, at=AT)
    runs.set_status(store, ["r3"], RunStatus.COMPLETE, at=AT)
    write_cells(store, [cell("r1", numbers[0]), cell("r1", numbers[1], failure())])
    live = overview.live_runs(store, datetime.fromisoformat(AT))
    assert [(p.record.id, p.totals.attempted, p.totals.errored, p.cells, p.alive) for p in live] == [
        ("r1", 2, 1, 4, True), ("r2", 0, 0, 4, True)]  # fmt: skip
    assert overview.with_progress(store, [], datetime.fromisoformat(AT)) == []


def test_groups_page_by_page(store: Store) -> None:
    make_runs(store)
    dataset = datasets.versions(store)[0]
    records = [run_record(f"r{n}", dataset, group=f"g{n // 2}", experiment=f"e{n % 4 // 2}") for n in range(8)]
    runs.create_runs(store, records)
    assert overview.group_page(store) == ["g3", "g2", "g1", "g0"]
    assert overview.group_page(store, limit=2, before="g2") == ["g1", "g0"]
    assert overview.group_page(store, experiment="e1") == ["g3", "g1"]
    assert overview.group_page(store, experiment="e1", before="g3") == ["g1"]


SMALL = {"experiment", "process", "scorer", "hold", "queue", "meta"}
"""Tables that never grow large: reading one from end to end costs nothing."""


def test_no_page_reads_a_large_table_from_end_to_end(store: Store, rows: list[int]) -> None:
    statements: list[str] = []
    version = datasets.versions(store)[0]

    @event.listens_for(store._readers, "checkout")
    def _note(raw: sqlite3.Connection, *_: object) -> None:
        raw.set_trace_callback(statements.append)

    every = [replace(QUERY, filter=f, metrics=((EXACT, "higher"),)) for f in FILTERS]
    every += [replace(QUERY, sort=s, descending=True) for s in SORTS]
    every += [replace(QUERY, text="x"), replace(QUERY, slice=("channel", "web")), replace(QUERY, repeat=0)]
    every += [replace(QUERY, metric="latency_ms", filter="improved"), replace(QUERY, metric="input_tokens")]
    every += [replace(QUERY, by=PEOPLE, filter="regressed"), replace(QUERY, by=against("base"), preference=True)]
    for query in every:
        shown = PairPages(store, query)
        shown.count()
        shown.page(0, 5)
        shown.locate(rows[0])
        shown.find_next(0, "flipped")
    overview.live_runs(store, datetime.fromisoformat(AT))
    runs.totals(store, "base")
    runs.done_cells(store, "base")
    runs.outputs(store, "base", rows[:3])
    runs.texts(store, "base", rows[:3])
    runs.unscored(store, "base", {"exact": EXACT})
    runs.known_before(store, "base")
    runs.median_latency_ms(store, "base")
    runs.get_run(store, "base")
    runs.find_runs(store, experiment="tone", limit=5)
    runs.find_runs(store, group="g1")
    runs.find_runs(store, variant_hash="v" * 64, dataset_hash="d")
    scores.score_column(store, "base", EXACT)
    scores.output_column(store, "base", "input_tokens")
    scores.scores_of(store, "base", rows[:3])
    list(scores.outputs_for_scoring(store, "base", EXACT))
    comparisons.history(store, "tone", limit=3)
    comparisons.latest(store)
    queue.stop_requested(store, "tone")
    list(datasets.iter_rows(store, version.hash, 2, 2))
    datasets.row(store, version.hash, "r0001")
    datasets.diff(store, version.hash, version.hash)
    event.remove(store._readers, "checkout", _note)
    asked = {sql for sql in statements if sql.startswith("SELECT")}
    assert len(asked) > 60
    with closing(sqlite3.connect(store.path)) as raw:
        for sql in asked:
            for *_, step in raw.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall():
                scanned = re.match(r"SCAN (\w+)(?! USING)", step)
                if scanned and table_of(scanned[1], sql) not in SMALL | {"a", "b", "json_each", "wanted", "j"}:
                    assert "USING" in step, (step, sql)


def table_of(name: str, sql: str) -> str:
    """The table that an alias stands for."""
    alias = re.search(rf'(?:FROM|JOIN|,)\s+"?(\w+)"?\s+(?:AS\s+)?{name}\b', sql)
    return alias[1] if alias else name
