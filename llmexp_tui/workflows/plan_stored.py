"""Counts what a run need not call: the answers that the store has, and runs that are complete. Calls nothing."""

from __future__ import annotations

from collections.abc import Sequence

from llmexp_tui.domain.run import SLOT_MAIN, RunRecord
from llmexp_tui.engine.plan import cache_key, sample_seed
from llmexp_tui.providers.base import build_request
from llmexp_tui.store import cache, datasets
from llmexp_tui.workflows.arms import DONE, stored_arms
from llmexp_tui.workflows.group import group_totals, plan_of
from llmexp_tui.workflows.prepare import Prepared
from llmexp_tui.workflows.session import Session

SPEED_METRICS = ("latency", "ttft", "cost", "tokens")
LOOKED_UP = 2000
"""Of an arm with more cells, about so many evenly spread ones tell the share: rendering takes 0.1 ms a cell."""


def fresh_rows(prepared: Prepared) -> int:
    """How many rows each arm of a check calls anew, so that times and costs can be gated."""
    gated = {gate.metric for gate in prepared.experiment.gates}
    return prepared.experiment.plan.fresh_rows if gated & set(SPEED_METRICS) else 0


def untimed(session: Session, prepared: Prepared, arms: Sequence[RunRecord]) -> bool:
    """True for runs of `run`, which takes from the cache what it can, where a gate needs calls of both arms.

    Their answers are taken from the cache once more; only the rows that are to be timed are called.
    """
    spared = [arm for arm in arms if not arm.fresh and plan_of(arm).fresh_rows < fresh_rows(prepared)]
    return any(totals.cached for totals in group_totals(session, spared))


def is_complete(session: Session, prepared: Prepared) -> bool:
    """Whether a check finds a run of every arm that it can judge as it is."""
    arms = stored_arms(session, prepared, DONE)
    if arms is None:
        return False
    return arms[0].registration != prepared.registration.hash or not untimed(session, prepared, arms)


def stored_answers(session: Session, prepared: Prepared, variant: str) -> int:
    """How many of the variant's cells are answered from the store by a run that may use it."""
    refs, repeats = datasets.row_refs(session.store, prepared.dataset.hash), prepared.experiment.repeats
    chosen = refs[:: 1 + len(refs) * repeats // LOOKED_UP]
    model, seed = prepared.variants[variant].model, prepared.experiment.plan.seed
    keys = []
    for row in datasets.rows_by_no(session.store, [ref.no for ref in chosen]).values():
        said = prepared.prompts[variant].render(row.values)
        for repeat in range(repeats):
            drawn = sample_seed(seed, row.hash, repeat, SLOT_MAIN)
            request = build_request(
                model, said.messages, seed=drawn, output_schema=said.output_schema, tools=said.tools
            )
            keys.append(cache_key(request, repeat, SLOT_MAIN))
    found = cache.lookup(session.store, keys)
    return round(sum(key in found for key in keys) * len(refs) * repeats / max(1, len(keys)))
