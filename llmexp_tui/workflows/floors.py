"""Noise floors from stored self-A/As: measured by stats, kept with everything that defines them, found again."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np
import numpy.typing as npt

from llmexp_tui.domain.run import RunRecord
from llmexp_tui.stats.floor import UNMEASURED, FloorKey, FloorRecord, measure_floor
from llmexp_tui.stats.pairs import Samples
from llmexp_tui.store import floors
from llmexp_tui.workflows.columns import Frame, frame, metric_samples
from llmexp_tui.workflows.metrics import Metric, metrics_of
from llmexp_tui.workflows.prepare import Prepared
from llmexp_tui.workflows.rescore import rescore
from llmexp_tui.workflows.session import Session


def usable_rows(rows: Frame, metric: Metric, *sides: Samples | None) -> npt.NDArray[np.bool_]:
    """(n,) rows that may be used: those of the slice; for times and costs, called by every side."""
    mask = np.ones(rows.size, dtype=bool)
    if metric.spec.slice is not None:
        column, _, value = metric.spec.slice.partition("=")
        mask = rows.mask(column.strip(), value.strip())
    if metric.spec.same_job:
        for side in sides:
            if side is not None and side.cached is not None:
                mask[side.rows[side.cached]] = False
    return mask


def floor_from_runs(session: Session, rows: Frame, metric: Metric, main: RunRecord, copy: RunRecord) -> FloorRecord:
    """The floor of one metric from an A/A's two runs; unmeasured where the copy was never scored."""
    sides = [metric_samples(session, rows, (run,), metric, (main,)) for run in (main, copy)]
    if metric.by_people or not bool(np.isfinite(sides[1].scores).any()):
        return UNMEASURED
    mask = usable_rows(rows, metric, *sides)
    seed = int(copy.registration[:15], 16)
    floor = measure_floor(
        metric.spec, sides[0], sides[1], rows.size, clusters=rows.clusters, mask=mask, seed=seed
    )
    measured_at = datetime.fromisoformat(copy.ended_at or copy.created_at).timestamp()
    return replace(floor, key=_key(metric, main.variant_hash, main.dataset_hash), measured_at=measured_at)


def _key(metric: Metric, variant_hash: str, dataset_hash: str) -> FloorKey:
    """A variant's hash covers its model, so the key names none again."""
    limit = "" if metric.spec.threshold is None else f" above {metric.spec.threshold:g}"
    return FloorKey(
        variant=variant_hash,
        dataset=dataset_hash,
        scorer=metric.fingerprint or "",
        model="",
        metric=metric.spec.name,
        statistic=f"{metric.spec.statistic}{limit}",
        slice=metric.spec.slice,
    )


def stored_floor(
    session: Session, prepared: Prepared, rows: Frame, metric: Metric, at: datetime
) -> FloorRecord | None:
    """The baseline's kept floor, which may have come with a carried cache; None where none may be used at `at`."""
    baseline = prepared.variants.get(prepared.baseline)
    if baseline is None or metric.by_people:
        return None
    key = _key(metric, baseline.hash, prepared.dataset.hash)
    floor = floors.find_floor(session.store, key)
    there = int(usable_rows(rows, metric).sum())
    if metric.spec.same_job:  # a job calls no more of them in both arms
        there = min(there, prepared.experiment.plan.fresh_rows or there)
    return None if floor is None or floor.refusal(key, at.timestamp(), there) else floor


def has_floors(session: Session, prepared: Prepared, at: datetime) -> bool:
    """True where every registered metric has a usable kept floor: no A/A is needed then."""
    metrics = metrics_of(prepared.experiment, prepared.scorers, prepared.variants.get(prepared.baseline))
    wanted = [metric for metric in metrics if metric.spec.registered and not metric.by_people]
    rows = frame(session, prepared.dataset.hash, prepared.source, _slices(prepared))
    return bool(wanted) and all(stored_floor(session, prepared, rows, metric, at) is not None for metric in wanted)


def store_floors(
    session: Session, prepared: Prepared, main: RunRecord, copy: RunRecord
) -> tuple[FloorRecord, ...]:
    """Measures and stores the floor of every metric of an experiment. Unmeasured ones are left out."""
    rescore(session, prepared, (main, copy))
    rows = frame(session, main.dataset_hash, prepared.source, _slices(prepared))
    variant = prepared.variants[main.variant]
    measured = tuple(
        floor_from_runs(session, rows, metric, main, copy)
        for metric in metrics_of(prepared.experiment, prepared.scorers, variant)
    )
    usable = tuple(f for f in measured if f.state in ("measured", "deterministic"))
    floors.save_floors(session.store, usable, main_run=main.id, copy_run=copy.id)
    return usable


def _slices(prepared: Prepared) -> list[str]:
    """The columns that gates name, for the frame."""
    return sorted({gate.slice_parts[0] for gate in prepared.experiment.gates if gate.slice_parts})
