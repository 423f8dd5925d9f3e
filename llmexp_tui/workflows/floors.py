"""Noise floors from stored self-A/As: measured by stats, kept with everything that defines them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np

from llmexp_tui.domain.run import RunRecord
from llmexp_tui.stats.floor import UNMEASURED, FloorKey, FloorRecord, measure_floor
from llmexp_tui.store import floors
from llmexp_tui.workflows.columns import Frame, frame, metric_samples
from llmexp_tui.workflows.metrics import Metric, metrics_of
from llmexp_tui.workflows.prepare import Prepared
from llmexp_tui.workflows.rescore import rescore
from llmexp_tui.workflows.session import Session


def floor_from_runs(session: Session, rows: Frame, metric: Metric, main: RunRecord, copy: RunRecord) -> FloorRecord:
    """The floor of one metric from an A/A's two runs; unmeasured where the copy was never scored."""
    sides = [metric_samples(session, rows, (run,), metric, (main,)) for run in (main, copy)]
    if metric.by_people or not bool(np.isfinite(sides[1].scores).any()):
        return UNMEASURED
    mask = None
    if metric.spec.slice is not None:
        column, _, value = metric.spec.slice.partition("=")
        mask = rows.mask(column.strip(), value.strip())
    seed = int(copy.registration[:15], 16)
    floor = measure_floor(
        metric.spec, sides[0], sides[1], rows.size, clusters=rows.clusters, mask=mask, seed=seed
    )
    key = FloorKey(
        variant=main.variant_hash,
        dataset=main.dataset_hash,
        scorer=metric.fingerprint or "",
        model=str(main.environment.get("model", "")),
        metric=metric.spec.name,
        statistic=metric.spec.statistic,
        slice=metric.spec.slice,
    )
    return replace(floor, key=key, measured_at=datetime.fromisoformat(copy.ended_at or copy.created_at).timestamp())


def store_floors(
    session: Session, prepared: Prepared, main: RunRecord, copy: RunRecord
) -> tuple[FloorRecord, ...]:
    """Measures and stores the floor of every metric of an experiment. Unmeasured ones are left out."""
    rescore(session, prepared, (main, copy))
    slices = sorted({gate.slice_parts[0] for gate in prepared.experiment.gates if gate.slice_parts})
    rows = frame(session, main.dataset_hash, prepared.source, slices)
    variant = prepared.variants[main.variant]
    measured = tuple(
        floor_from_runs(session, rows, metric, main, copy)
        for metric in metrics_of(prepared.experiment, prepared.scorers, variant)
    )
    usable = tuple(f for f in measured if f.state in ("measured", "deterministic"))
    floors.save_floors(session.store, usable, main_run=main.id, copy_run=copy.id)
    return usable
