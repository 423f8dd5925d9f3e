"""`check`: runs what the store does not have of an experiment's arms, compares, judges the registered gates.

Checked again with nothing changed it calls nothing and says the same. Everything that can be refused is refused
for all experiments before the first call of any.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from llmexp_tui.domain.experiment import Experiment
from llmexp_tui.engine.events import Listener, ignore
from llmexp_tui.engine.stop import StopFlag
from llmexp_tui.errors import ConfigError, SameVariantsError, StoreError, UsageError
from llmexp_tui.providers.prices import price_of
from llmexp_tui.reports.record import CheckReport, ExperimentReport
from llmexp_tui.store import carry
from llmexp_tui.store.experiments import save_registration
from llmexp_tui.workflows.base_arm import BaseTree, Unchanged, prepare_against
from llmexp_tui.workflows.group import CallOptions, Invocation, refuse_fresh_offline
from llmexp_tui.workflows.hold import holding
from llmexp_tui.workflows.label import require_label
from llmexp_tui.workflows.prepare import Prepared, find_experiment, prepare
from llmexp_tui.workflows.promote import label_on_pass
from llmexp_tui.workflows.session import Session
from llmexp_tui.workflows.unfold import check_experiment

KEPT = timedelta(days=30)
"""An answer is carried from job to job for so long; then it is asked for once more."""

_AT_HEAD = "HEAD is itself what was compared with: only changes that are not committed would show"


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """What `--check` accepts. `cache` is a file of answers carried between jobs, read first and written last."""

    experiments: tuple[str, ...] = ()
    fresh: bool = False
    offline: bool = False
    max_cost: float | None = None
    base: str | None = None
    seed: int | None = None
    cache: Path | None = None
    label_on_pass: str | None = None

    def __post_init__(self) -> None:
        refuse_fresh_offline(self.fresh, self.offline)
        if self.label_on_pass is not None:
            require_label(self.label_on_pass)


async def check(
    session: Session, options: CheckOptions, listener: Listener = ignore, *, flag: StopFlag | None = None
) -> CheckReport:
    """Judges each chosen experiment. Raises LlmexpError (exit 2) before any call, InterruptedRunError on a signal."""
    flag = flag or StopFlag()
    base = None if options.base is None else BaseTree(session, options.base, options.cache)
    prepared = {name: _prepare(session, name, options, base) for name in _chosen(session, options, base)}
    invocation = Invocation(session, CallOptions(options.offline, options.max_cost, listener), flag)
    to_run = [one for one in prepared.values() if not isinstance(one, ExperimentReport)]
    for experiment in to_run:
        invocation.require_ready(experiment)
        if not options.offline:
            _require_prices(experiment)
    if options.cache is not None:
        carry.require_writable(options.cache)
        if options.cache.exists():
            carry.import_cache(session.store, options.cache)
    for experiment in to_run:  # before the first call of any: the second may be answered by what the first has called
        save_registration(session.store, experiment.registration, who=session.who, at=session.at())
    reports: list[ExperimentReport] = []
    unsaved: tuple[str, ...] = ()
    try:
        for name, one in prepared.items():
            if isinstance(one, ExperimentReport):
                reports.append(one)
                continue
            async with holding(invocation, name):
                reports.append(await check_experiment(invocation, one, fresh=options.fresh))
        if options.label_on_pass is not None:
            reports = label_on_pass(session, to_run, reports, options.label_on_pass)
    finally:
        await invocation.aclose()
        if options.cache is not None:
            unsaved = _save(session, options.cache)
    return CheckReport(tuple(replace(report, warnings=(*report.warnings, *unsaved)) for report in reports))


def _save(session: Session, path: Path) -> tuple[str, ...]:
    """Writes the answers for the next job; a warning where that failed: the verdict must not be lost with them."""
    try:
        carry.export_cache(session.store, path, since=(session.now() - KEPT).isoformat())
    except StoreError as error:
        return (error.sentence,)
    return ()


def _chosen(session: Session, options: CheckOptions, base: BaseTree | None) -> tuple[str, ...]:
    """The experiments with gates, here or at the base. Raises UsageError where there is nothing to check."""

    here = session.project.experiments
    there = {} if base is None or base.project is None else base.project.experiments

    def gated(name: str) -> bool:
        return any(name in side and side[name].gates for side in (here, there))

    names = options.experiments or tuple(filter(gated, (*here, *there)))
    if not names:
        raise UsageError(
            "no experiment has gates, there is nothing to check",
            where="llmexp.toml",
            mend="add [[experiments.NAME.gates]] with a metric and a margin",
        )
    for name in names:
        if name not in there:
            find_experiment(session.project, name)
        if not gated(name):
            raise UsageError(f'experiment "{name}" has no gates, there is nothing to check', where="llmexp.toml")
    return tuple(dict.fromkeys(names))


def _prepare(
    session: Session, name: str, options: CheckOptions, base: BaseTree | None
) -> Prepared | ExperimentReport:
    """What is to be checked, or at once the report where there is nothing to run."""
    if base is not None:
        there = base.experiment(name)
        if there is not None and name not in session.project.experiments:
            return _gone(there, base.ref)
        if there is None and not options.experiments:
            return _untouched(session, name, f"new since {base.ref}: there is nothing to compare it with")
        prepared = prepare_against(session, name, base, seed=options.seed)
        if not isinstance(prepared, Unchanged):
            return prepared
        known = (_AT_HEAD,) if base.is_head else ()
        return _untouched(session, name, f"nothing that matters changed since {base.ref}", *known, *prepared.notes)
    sources = find_experiment(session.project, name).variants
    if len(sources) < 2:
        raise ConfigError(
            f'experiment "{name}" has one variant, there is nothing to compare it with',
            where="llmexp.toml",
            mend="add a second variant, or compare with a git ref by --base REF",
        )
    try:
        return prepare(session, name, seed=options.seed)
    except SameVariantsError:
        pinned = [source.prompt for source in sources.values() if "@" in (source.prompt or "")]
        if not pinned or len(sources) > 2:
            raise
        # What a label that has moved to the candidate comes to: the change is in, until the file is changed again.
        return _untouched(session, name, f'there is nothing to compare: "{pinned[0]}" is what the other variant is')


def _require_prices(prepared: Prepared) -> None:
    """Raises ConfigError where a gate looks at a cost that no call will have: it is told before they are paid for."""
    if not any(gate.metric == "cost" and gate.role != "exploratory" for gate in prepared.experiment.gates):
        return
    for variant in prepared.variants.values():
        if price_of(variant.model) is None:
            raise ConfigError(
                f'a gate looks at the cost, but the price of model "{variant.model.model}" is unknown',
                where=f"experiments.{prepared.experiment.name}.gates",
                mend="set input_cost_per_mtok and output_cost_per_mtok on the model, or remove the gate",
            )


def _untouched(session: Session, name: str, *notes: str) -> ExperimentReport:
    """The report of an experiment that there is nothing to run for."""
    return _unrun(find_experiment(session.project, name), "pass", notes=notes)


def _gone(there: Experiment, ref: str) -> ExperimentReport:
    """A change must not get past a gate by deleting its experiment; without its gates it may be deleted."""
    reason = (
        f"it has gates at {ref} and is not in the project file any more, so they cannot be judged; "
        "remove its gates in a change of its own, then delete it"
    )
    return _unrun(there, "invalid", reasons=(reason,))


def _unrun(
    experiment: Experiment, status: str, *, reasons: tuple[str, ...] = (), notes: tuple[str, ...] = ()
) -> ExperimentReport:
    return ExperimentReport(
        name=experiment.name,
        status=status,
        question=experiment.question,
        axis=experiment.axis,
        registration="",
        dataset=None,
        baseline=None,
        candidates=(),
        metrics=(),
        reasons=reasons,
        notes=notes,
        cost_usd=0.0,
    )
