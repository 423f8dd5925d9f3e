"""Resolves an experiment to exact versions and refuses, before the first call, what cannot be run or compared."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from llmexp_tui.domain.dataset import DatasetSource, DatasetVersion
from llmexp_tui.domain.experiment import Experiment, Registration, VariantSource, register
from llmexp_tui.domain.prompt import Prompt
from llmexp_tui.domain.variant import Variant, off_axis
from llmexp_tui.errors import AxisError, ConfigError, SameVariantsError, UnknownNameError
from llmexp_tui.project.config import Project
from llmexp_tui.project.prompts import CompiledPrompt, compile_prompt
from llmexp_tui.scoring.base import Scorer, ScorerContext, build_scorer, check_columns
from llmexp_tui.scoring.contexts import COLUMN
from llmexp_tui.store import experiments
from llmexp_tui.workflows.metrics import metrics_of
from llmexp_tui.workflows.session import Session
from llmexp_tui.workflows.versions import record, resolve_dataset, resolve_prompt


@dataclass(frozen=True, slots=True)
class Prepared:
    """An experiment with everything resolved. `variants` keeps the project file's order, baseline included.

    `scorers` maps each scorer's metric name to it. `warnings` and `notes` go into every report.
    """

    experiment: Experiment
    source: DatasetSource
    dataset: DatasetVersion
    variants: Mapping[str, Variant]
    prompts: Mapping[str, CompiledPrompt]
    scorers: Mapping[str, Scorer]
    registration: Registration
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def baseline(self) -> str:
        """The baseline's variant name."""
        return self.experiment.baseline

    @property
    def candidates(self) -> tuple[str, ...]:
        """The other variants, in the file's order."""
        return tuple(name for name in self.variants if name != self.baseline)


def find_experiment(project: Project, name: str) -> Experiment:
    """The declared experiment. Raises UnknownNameError with the nearest name."""
    try:
        return project.experiments[name]
    except KeyError:
        raise UnknownNameError("experiment", name, project.experiments, where="llmexp.toml") from None


def with_overrides(experiment: Experiment, *, seed: int | None = None, repeats: int | None = None) -> Experiment:
    """The experiment with the command line's seed and repeats; both are registered."""
    if seed is not None:
        experiment = replace(experiment, plan=replace(experiment.plan, seed=seed))
    if repeats is not None:
        experiment = replace(experiment, repeats=repeats)
    return experiment


def prepare(session: Session, name: str, *, seed: int | None = None, repeats: int | None = None) -> Prepared:
    """Resolves the dataset, every variant and every scorer, and stores their versions.

    Raises ConfigError, AxisError, DatasetError, PromptError, TrustError; nothing has been called then.
    """
    session.require_trust()
    experiment = with_overrides(find_experiment(session.project, name), seed=seed, repeats=repeats)
    contents = {v: resolve_prompt(session, _prompt_ref(experiment, s)) for v, s in experiment.variants.items()}
    variants = {
        v: build_variant(session.project, experiment, source, contents[v])
        for v, source in experiment.variants.items()
    }
    return assemble(session, experiment, variants, contents)


def assemble(
    session: Session,
    experiment: Experiment,
    variants: Mapping[str, Variant],
    contents: Mapping[str, Prompt],
    *,
    notes: Sequence[str] = (),
) -> Prepared:
    """Checks resolved variants against the dataset and the axis, stores their versions, makes the registration."""
    source, dataset = resolve_dataset(session, experiment.dataset)
    require_one_axis(experiment, variants)
    require_bounds(experiment)
    compiled = {v: compile_prompt(contents[v]) for v in variants}
    for v, prompt in compiled.items():
        prompt.check(dataset.columns, where=contents[v].path)
    scorers = build_scorers(session, experiment, source, dataset.columns)
    for scorer in scorers.values():
        check_columns(scorer, dataset.columns)
        _check_scorer(experiment, scorer, dataset.columns)
    metrics_of(experiment, scorers, variants[experiment.baseline])  # refuses a gate that cannot be judged
    for v in variants:
        record(session, contents[v])
        experiments.save_variant(session.store, variants[v])
    for scorer in scorers.values():
        experiments.save_scorer(session.store, scorer.fingerprint, scorer.body())
    fingerprints = {metric: scorer.fingerprint for metric, scorer in scorers.items()}
    registration = register(experiment, variants, dataset.hash, source.roles(), fingerprints)
    return Prepared(
        experiment, source, dataset, variants, compiled, scorers, registration,
        warnings=_warnings(experiment), notes=tuple(notes),
    )  # fmt: skip


def build_variant(project: Project, experiment: Experiment, source: VariantSource, prompt: Prompt) -> Variant:
    """The canonical variant of one declared arm."""
    where = f"experiments.{experiment.name}.variants.{source.name}"
    if source.model is None:
        raise ConfigError("no model", where=where, mend='add model = "…"')
    if source.model not in project.models:
        raise UnknownNameError("model", source.model, project.models, where=where)
    return Variant(
        name=source.name,
        model=project.models[source.model],
        prompt_name=prompt.name,
        prompt_hash=prompt.hash,
        prompt_ref=source.prompt or "",
        retriever=source.retriever,
        chain=source.chain,
    )


def build_scorers(
    session: Session, experiment: Experiment, source: DatasetSource, columns: Collection[str]
) -> dict[str, Scorer]:
    """The experiment's scorers by metric name. Raises ConfigError for settings that make no sense."""
    context = ScorerContext(
        models=session.project.models,
        read_text=session.files.read_text,
        trusted=True,  # prepare() has required trust for every power, scorers included
        root=session.root,
        expected_column=source.expected_column,
        has_expected=source.expected_column in columns,
        siblings={spec.name: spec for spec in experiment.scorers},
    )
    return {spec.name: build_scorer(spec, context) for spec in experiment.scorers}


def _check_scorer(experiment: Experiment, scorer: Scorer, columns: Collection[str]) -> None:
    """Raises ConfigError where no row could ever get a score: too few repeats, no passages."""
    where, rule = f'scorer "{scorer.meta.name}"', scorer.repeat_rule
    if rule is not None and rule.k > experiment.repeats:
        raise ConfigError(
            f"{rule.kind} = {rule.k} needs at least {rule.k} repeats a row, there are {experiment.repeats}",
            where=where,
            mend=f"set repeats = {rule.k} on the experiment, or a smaller {rule.kind}",
        )
    retrieves = any(variant.retriever is not None for variant in experiment.variants.values())
    if scorer.needs_contexts and COLUMN not in columns and not retrieves:
        raise ConfigError(
            "needs passages, but no variant retrieves any and the dataset brings none",
            where=where,
            mend=f'add a column "{COLUMN}" to the dataset, or name another one by contexts = "column"',
        )


def require_bounds(experiment: Experiment) -> None:
    """Raises ConfigError where a plan with bounds at every look gates on what has no bounds."""
    gates = [gate for gate in experiment.gates if gate.role != "exploratory"]
    unbounded = [gate.metric for gate in gates if gate.is_ratio]
    if experiment.plan.anytime and unbounded:
        raise ConfigError(
            f"anytime needs scores with bounds, and {', '.join(unbounded)} has none",
            where=f"experiments.{experiment.name}.plan",
            mend='use early_stop, or give those gates role = "exploratory"',
        )


def require_one_axis(experiment: Experiment, variants: Mapping[str, Variant]) -> None:
    """Raises AxisError where a variant differs from the baseline in more than the declared axis, or in nothing."""
    baseline = variants[experiment.baseline]
    for name, variant in variants.items():
        if name == experiment.baseline:
            continue
        where = f"experiments.{experiment.name}"
        wrong = off_axis(baseline, variant, experiment.axis)
        if wrong:
            fields = ", ".join(f"{d.path} ({d.left!r} against {d.right!r})" for d in wrong)
            raise AxisError(
                f'variants "{baseline.name}" and "{name}" differ in more than the {experiment.axis} axis: {fields}',
                where=where,
                mend='make them equal there, or declare axis = "any" and have every verdict marked confounded',
            )
        if variant.hash == baseline.hash:
            raise SameVariantsError(
                f'variants "{baseline.name}" and "{name}" are the same, there is nothing to compare',
                where=where,
                mend=f"change one of them, or measure the noise with `llmexp-tui aa {experiment.name}`",
            )


def _prompt_ref(experiment: Experiment, source: VariantSource) -> str:
    if source.prompt is None:
        where = f"experiments.{experiment.name}.variants.{source.name}"
        raise ConfigError("no prompt", where=where, mend='add prompt = "…"')
    return source.prompt


def _warnings(experiment: Experiment) -> tuple[str, ...]:
    if experiment.axis == "any":
        return ("the variants may differ in several things: every verdict is confounded",)
    return ()
