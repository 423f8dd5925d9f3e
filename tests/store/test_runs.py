from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text

from llmexp_tui.domain.experiment import Registration
from llmexp_tui.domain.run import RunStatus, RunTotals
from llmexp_tui.domain.score import Score
from llmexp_tui.domain.usage import Usage
from llmexp_tui.errors import StoreError, UnknownNameError, UsageError
from llmexp_tui.store import runs
from llmexp_tui.store.cache import lookup
from llmexp_tui.store.cells import write_cells
from llmexp_tui.store.engine import Store
from llmexp_tui.store.experiments import save_registration
from tests.store.samples import EXACT, answer, cell, failure, make_dataset, make_runs, run_record

LATER = "2026-01-02T04:00:00.000000+00:00"
KEY = b"k" * 32


def test_a_record_comes_back_as_it_was(store: Store) -> None:
    dataset = make_dataset(store)
    record = run_record(
        "run-1", dataset, slot="aa", number=2, fresh=True, commit="c" * 40, dirty=True, key_name="KEY",
        key_fingerprint="f00d", environment={"python": "3.11", "scorers": {"exact": EXACT}}, seed=(1 << 63) - 1,
        variant="lone \ud800", stop_reason="why",
    )  # fmt: skip
    runs.create_runs(store, [record])
    assert runs.get_run(store, "run-1") == record


def test_all_or_none_are_created(store: Store) -> None:
    dataset = make_dataset(store)
    runs.create_runs(store, [run_record("run-1", dataset)])
    with pytest.raises(StoreError, match="UNIQUE"):
        runs.create_runs(store, [run_record("run-2", dataset), run_record("run-1", dataset)])
    assert [r.id for r in runs.find_runs(store)] == ["run-1"]


def test_a_run_is_found_by_a_prefix_that_is_its_own(store: Store) -> None:
    dataset = make_dataset(store)
    runs.create_runs(store, [run_record(id, dataset) for id in ("abcd1", "abcd2", "abcd22", "wxyz9")])
    assert runs.get_run(store, "wxyz").id == "wxyz9"
    assert runs.get_run(store, "abcd2").id == "abcd2"
    with pytest.raises(UsageError, match="several runs"):
        runs.get_run(store, "abcd")
    with pytest.raises(UnknownNameError, match=r'did you mean "abcd[12]"'):
        runs.get_run(store, "abcd9")
    with pytest.raises(UnknownNameError):
        runs.get_run(store, "wx")
    with pytest.raises(UnknownNameError):
        runs.get_run(store, "wxyz%")


def test_runs_are_found_by_what_is_asked(store: Store) -> None:
    dataset = make_dataset(store)
    records = [
        run_record("r1", dataset),
        run_record("r2", dataset, slot="aa", group="g2", variant_hash="w" * 64),
        run_record("r3", dataset, experiment="other", status=RunStatus.COMPLETE, registration="r" * 64),
    ]
    runs.create_runs(store, records)

    def found(**by: object) -> list[str]:
        return [r.id for r in runs.find_runs(store, **by)]  # type: ignore[arg-type]

    assert found() == ["r3", "r2", "r1"]
    assert found(newest_first=False, limit=2) == ["r1", "r2"]
    assert found(experiment="tone") == ["r2", "r1"]
    assert found(experiment="never") == []
    assert found(variant_hash="w" * 64, slot="aa") == ["r2"]
    assert found(group="g1") == ["r3", "r1"]
    assert found(dataset_hash=dataset.hash, statuses=(RunStatus.QUEUED,)) == ["r2", "r1"]
    assert found(statuses=()) == []
    assert found(registration="r" * 64) == ["r3"]


def test_states_fill_the_times(store: Store) -> None:
    make_runs(store, "r1", "r2")
    runs.set_status(store, ["r1", "r2"], RunStatus.RUNNING, at="2026-01-02T03:30:00+00:00")
    runs.set_status(store, ["r1"], RunStatus.INTERRUPTED, at=LATER, reason="cut")
    first, second = runs.get_run(store, "r1"), runs.get_run(store, "r2")
    assert (first.status, first.started_at, first.ended_at, first.stop_reason) == (
        RunStatus.INTERRUPTED, "2026-01-02T03:30:00+00:00", LATER, "cut")  # fmt: skip
    assert (second.status, second.ended_at) == (RunStatus.RUNNING, None)
    runs.set_status(store, ["r1"], RunStatus.RUNNING, at="2026-01-03T00:00:00+00:00")
    again = runs.get_run(store, "r1")
    assert (again.started_at, again.ended_at, again.stop_reason) == ("2026-01-02T03:30:00+00:00", None, None)


def test_totals_are_counted_from_cells(store: Store) -> None:
    rows = make_runs(store, "r1", "r2", rows=5)
    assert runs.totals(store, "r1") == RunTotals(0, 0, 0, 0, 0.0, planned=5)
    write_cells(store, [cell("r2", rows[0], answer("paid"), key=KEY)])
    hit = lookup(store, [KEY])[KEY].no
    write_cells(
        store,
        [
            cell("r1", rows[0], hit),
            cell("r1", rows[1], failure()),
            cell("r1", rows[2], answer(cost_usd=0.5, usage=Usage(100, 20))),
            cell("r1", rows[3], answer(cost_usd=None, usage=Usage(1, None))),
        ],
    )
    assert runs.totals(store, "r1") == RunTotals(
        attempted=4, completed=3, errored=1, cached=1, cost_usd=0.5, unpriced=1, tokens=120, saved_usd=0.001,
        planned=5,
    )
    assert runs.totals_of(store, ["r2", "r1"])["r2"].cost_usd == 0.001
    runs.set_status(store, ["r1"], RunStatus.STOPPED_EARLY, at=LATER)
    assert [runs.totals(store, run).planned for run in ("r1", "r2")] == [4, 5], "what the plan gave up is not missing"


def test_an_unknown_cost_is_not_zero_and_a_run_from_the_cache_costs_nothing(store: Store) -> None:
    rows = make_runs(store, "r1", "r2")
    write_cells(store, [cell("r1", row, answer(cost_usd=None), key=bytes([row]) * 32) for row in rows])
    hits = lookup(store, [bytes([row]) * 32 for row in rows])
    write_cells(store, [cell("r2", row, hits[bytes([row]) * 32].no) for row in rows])
    assert runs.totals(store, "r1").cost_usd is None
    assert runs.totals(store, "r2").cost_usd == 0.0


def test_done_cells(store: Store) -> None:
    first, second, *_ = make_runs(store, "r1", "r2")
    write_cells(store, [cell("r1", first, repeat=1), cell("r1", second, failure()), cell("r2", second)])
    assert set(runs.done_cells(store, "r1")) == {(first, 1), (second, 0)}
    runs.reopen_failed(store, ["r1"])
    assert set(runs.done_cells(store, "r1")) == {(first, 1)}


def test_outputs_of_some_rows_and_their_texts(store: Store) -> None:
    rows = make_runs(store, "r1")
    cells = [cell("r1", row, answer(f"{row}-{n}"), repeat=n) for row in rows for n in (1, 0)]
    write_cells(store, [*cells, cell("r1", rows[0], failure(), repeat=2)])
    assert [(o.text, o.repeat) for o in runs.outputs(store, "r1", rows[1:3])] == [
        (f"{row}-{n}", n) for row in rows[1:3] for n in (0, 1)
    ]
    found = runs.texts(store, "r1", rows[:2])
    assert list(found) == [(rows[0], 0), (rows[0], 1), (rows[0], 2), (rows[1], 0), (rows[1], 1)]
    assert (found[rows[0], 1], found[rows[0], 2]) == (f"{rows[0]}-1", failure().message)
    assert len(runs.outputs(store, "r1")) == 9


def test_the_median_latency_is_of_own_answers(store: Store) -> None:
    rows = make_runs(store, "r1", "r2", rows=6)
    assert runs.median_latency_ms(store, "r1") is None
    write_cells(store, [cell("r1", row, answer(latency_ms=ms)) for row, ms in zip(rows, (5, 1, 9), strict=False)])
    write_cells(store, [cell("r1", rows[4], failure())])
    assert runs.median_latency_ms(store, "r1") == 5.0
    write_cells(store, [cell("r1", rows[5], answer(latency_ms=6))])
    assert runs.median_latency_ms(store, "r1") == 5.5


def test_unscored_counts_failures_of_the_scorer_and_what_it_has_not_seen(store: Store) -> None:
    rows = make_runs(store, "r1")
    write_cells(
        store,
        [
            cell("r1", rows[0], scores=((EXACT, Score(1.0)),)),
            cell("r1", rows[1], scores=((EXACT, Score(None, error="broke")),)),
            cell("r1", rows[2]),
            cell("r1", rows[3], failure()),
        ],
    )
    assert runs.unscored(store, "r1", {"exact": EXACT, "new": "new/1"}) == {"exact": 2, "new": 3}


def test_known_before_is_all_from_calls_under_other_rules(store: Store) -> None:
    first, second, *_ = make_runs(store, "r1", "r2")
    assert not runs.known_before(store, "r2")
    write_cells(store, [cell("r1", first, key=KEY, rules="old")])
    write_cells(store, [cell("r2", first, lookup(store, [KEY])[KEY].no)])
    assert runs.known_before(store, "r2")
    write_cells(store, [cell("r2", second)])
    assert not runs.known_before(store, "r2")


def test_known_before_is_false_where_the_rules_were_the_same(store: Store) -> None:
    first, *_ = make_runs(store, "r1", "r2")
    write_cells(store, [cell("r1", first, key=KEY)])
    write_cells(store, [cell("r2", first, lookup(store, [KEY])[KEY].no)])
    assert runs.get_run(store, "r2").rules == "b" * 64
    assert not runs.known_before(store, "r2")


@pytest.mark.parametrize(("experiment", "known"), [("other", False), ("tone", True)])
def test_what_another_experiment_called_after_the_promise_was_not_known_before(
    store: Store, experiment: str, known: bool
) -> None:
    first, *_ = make_runs(store, "r1", "r2")
    promises = [Registration(name, {"gates": [name, margin]}) for name, margin in (("tone", 1), (experiment, 2))]
    for promise in promises:
        save_registration(store, promise, who="Ada", at="2026-01-01T00:00:00Z")
    with store.write() as connection:
        connection.execute(text("UPDATE run SET rules = :rules WHERE id = 'r2'"), {"rules": promises[0].rules})
    write_cells(store, [cell("r1", first, key=KEY, rules=promises[1].rules)])
    write_cells(store, [cell("r2", first, lookup(store, [KEY])[KEY].no)])
    assert runs.known_before(store, "r2") is known


def test_a_run_of_a_group_started_again_is_a_new_record(store: Store) -> None:
    dataset = make_dataset(store)
    record = run_record("r1", dataset)
    runs.create_runs(store, [record, replace(record, id="r2", number=2)])
    assert [r.number for r in runs.find_runs(store, group="g1", newest_first=False)] == [1, 2]
