"""Both arms from git: the baseline variant as at the merge base against the same variant in the work tree.

The base arm is read through git objects; the work tree is never touched. Dataset and scorers come from the work
tree for both arms; gates and plan come from the base, so that a change cannot loosen the gate that judges it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from llmexp_tui.domain.experiment import Experiment, VariantSource
from llmexp_tui.domain.prompt import Prompt
from llmexp_tui.domain.text import one_line
from llmexp_tui.domain.variant import Variant
from llmexp_tui.errors import ConfigError, LlmexpError
from llmexp_tui.project.config import Project, load_project
from llmexp_tui.project.git_ref import GitTree, merge_base, resolve_commit, tracked
from llmexp_tui.project.prompts import load_prompt
from llmexp_tui.providers.prices import price_of
from llmexp_tui.workflows.prepare import Prepared, assemble, build_variant, find_experiment, with_overrides
from llmexp_tui.workflows.session import Session
from llmexp_tui.workflows.versions import resolve_dataset, resolve_prompt

_MEANING = "what the columns of the dataset mean"


class BaseTree:
    """The project as at the merge base of a ref and HEAD. Raises GitError or ConfigError when opened.

    cache: the file that answers are carried in. Neither it nor the database may be part of the repository.
    """

    def __init__(self, session: Session, ref: str, cache: Path | None = None) -> None:
        self.ref = ref
        self.commit = merge_base(session.root, ref)
        for path in tracked(session.root, [session.store.path, *([cache] if cache else [])]):
            raise ConfigError(
                "is part of the repository: a change could bring the answers that it is judged by",
                where=str(path),
                mend=f"run `git rm --cached {path}` and commit that",
            )
        self.is_head = self.commit == resolve_commit(session.root, "HEAD")
        self.files = GitTree(session.root, self.commit)
        self.project: Project | None = (
            load_project(self.files, session.root) if self.files.exists("llmexp.toml") else None
        )

    def experiment(self, name: str) -> Experiment | None:
        """The experiment as it was there, None where it did not exist."""
        return None if self.project is None else self.project.experiments.get(name)


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Both arms are the same: nothing to run. `notes` says what differs from the base all the same."""

    notes: tuple[str, ...]


def prepare_against(
    session: Session, name: str, base: BaseTree, *, seed: int | None = None
) -> Prepared | Unchanged:
    """The two arms `NAME@REF` and `NAME` of the base's baseline variant.

    Raises ConfigError where the base has no such experiment or variant, AxisError where the change is in more than
    the declared axis.
    """
    session.require_trust()
    here = with_overrides(find_experiment(session.project, name), seed=seed)
    there = base.experiment(name)
    if there is None or base.project is None:
        raise ConfigError(
            f'experiment "{name}" does not exist at {base.ref}', where="llmexp.toml", mend="check it without --base"
        )
    session.require_trust(base.project)
    variant = there.baseline
    if variant not in here.variants:
        raise ConfigError(
            f'experiment "{name}" has no variant "{variant}" any more, which is its baseline at {base.ref}',
            where=f"experiments.{name}.variants",
            mend="keep the baseline's name, or check it without --base",
        )
    old = there.variants[variant]
    baseline = f"{variant}@{base.ref}"
    sources = {baseline: replace(old, name=baseline), variant: here.variants[variant]}
    contents = {
        baseline: _base_prompt(session, base, base.project, old),
        variant: resolve_prompt(session, here.variants[variant].prompt or ""),
    }
    variants = {
        baseline: build_variant(base.project, there, sources[baseline], contents[baseline]),
        variant: build_variant(session.project, here, sources[variant], contents[variant]),
    }
    variants, priced = _on_equal_terms(variants, baseline, variant, base.ref)
    experiment, notes = _judged_by_base(here, there, base.ref)
    notes = (*notes, *priced, *_shared_files(session, base, experiment), *_not_compared(session, base, here, there))
    experiment = replace(experiment, baseline=baseline, variants=sources)
    if len({v.hash for v in variants.values()}) == 1:
        resolve_dataset(session, experiment.dataset)  # refuses one that cannot be read: the next check would need it
        return Unchanged((*notes, *_pinned(here.variants[variant])))
    return assemble(session, experiment, variants, contents, notes=notes)


def _on_equal_terms(
    variants: Mapping[str, Variant], baseline: str, candidate: str, ref: str
) -> tuple[dict[str, Variant], tuple[str, ...]]:
    """The variants with one price for one model, the base's, and one way to it, the work tree's; a note of the price.

    Neither is what is compared, and a change that could set its own arm's price would pass its own cost gate.
    """
    there, here = variants[baseline].model, variants[candidate].model
    if (there.model, there.api_base) != (here.model, here.api_base):
        return dict(variants), ()
    known = here if price_of(there) is None else there
    new = replace(
        here, input_cost_per_mtok=known.input_cost_per_mtok, output_cost_per_mtok=known.output_cost_per_mtok
    )
    old = replace(new, name=there.name, params=there.params, timeout_s=there.timeout_s, stream=there.stream)
    note = f'the price of "{here.model}" differs from {ref}; that of {ref} was used'
    notes = () if price_of(here) == price_of(new) else (note,)
    models = {baseline: old, candidate: new}
    return {name: replace(variants[name], model=model) for name, model in models.items()}, notes


def _shared_files(session: Session, base: BaseTree, experiment: Experiment) -> tuple[str, ...]:
    """Files that both arms take from the work tree, where a change could make the gates easier to pass."""
    gated = {gate.metric for gate in experiment.gates}
    words = [word for spec in experiment.scorers if spec.name in gated for word in _words(spec.settings)]
    source = session.project.datasets.get(experiment.dataset.partition("@")[0])
    paths = [*([source.path] if source is not None else []), *(word.partition(":")[0] for word in words)]
    old = None if base.project is None else base.project.datasets.get(source.name if source else "")
    roles = () if source is None or old is None or old.roles() == source.roles() else (_MEANING,)
    known = [path for path in dict.fromkeys(map(str, paths)) if _is_file(session, path)]
    return tuple(
        f"{one_line(what, 80)} differs from {base.ref}; that of the work tree was used"
        for what in (*roles, *base.files.differing(known))
    )


def _words(value: object) -> list[str]:
    """Every text in a scorer's settings: the files that it reads are among them."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    return [word for part in value for word in _words(part)] if isinstance(value, list | tuple) else []


def _is_file(session: Session, path: str) -> bool:
    try:
        return session.files.exists(path)
    except LlmexpError:
        return False


def _not_compared(session: Session, base: BaseTree, here: Experiment, there: Experiment) -> tuple[str, ...]:
    """Variants that changed and are not run: a pass must not be taken for theirs."""
    others = [name for name in here.variants if name != there.baseline]
    names = ", ".join(f'"{name}"' for name in others if _changed(session, base, here, there, name))
    if not names:
        return ()
    return (
        f'only "{there.baseline}" is compared with {base.ref}: {names} changed too, and this check says nothing of it'
        "; without --base the variants are compared with each other",
    )


def _changed(session: Session, base: BaseTree, here: Experiment, there: Experiment, name: str) -> bool:
    """Whether a variant is another one than at the base; what cannot be read on one side is another one."""
    if name not in there.variants or base.project is None:
        return True
    try:
        old = build_variant(
            base.project, there, there.variants[name], _base_prompt(session, base, base.project, there.variants[name])
        )
        new = resolve_prompt(session, here.variants[name].prompt or "")
        return build_variant(session.project, here, here.variants[name], new).hash != old.hash
    except LlmexpError:
        return True


def _base_prompt(session: Session, base: BaseTree, project: Project, source: VariantSource) -> Prompt:
    """The prompt as at the base. A label, hash or git ref in the project file means the same on both sides."""
    name, _, version = (source.prompt or "").partition("@")
    if version:
        return resolve_prompt(session, source.prompt or "")
    if name not in project.prompts:
        raise ConfigError(f'prompt "{name}" is not declared at {base.ref}', where="llmexp.toml")
    return load_prompt(base.files, name, project.prompts[name])


def _judged_by_base(here: Experiment, there: Experiment, ref: str) -> tuple[Experiment, tuple[str, ...]]:
    """The experiment under the base's gates and plan, and the note that says so where they differ."""
    notes = []
    if here.gates != there.gates:
        notes.append(f"the gates differ from {ref}; those of {ref} were used")
    if replace(here.plan, seed=0) != replace(there.plan, seed=0):
        notes.append(f"the plan differs from {ref}; that of {ref} was used")
    if here.baseline != there.baseline:
        notes.append(f'the baseline differs from {ref}; "{there.baseline}" of {ref} was used')
    notes += [f"{what} differs from {ref}; that of the work tree was used" for what in _differing(here, there)]
    known = {spec.name for spec in here.scorers}
    gated = {gate.metric for gate in there.gates}
    kept = tuple(spec for spec in there.scorers if spec.name in gated - known)
    if kept:
        notes.append(f"scorers that a gate of {ref} needs were taken from it: {', '.join(s.name for s in kept)}")
    plan = replace(there.plan, seed=here.plan.seed)
    return replace(here, gates=there.gates, plan=plan, scorers=(*here.scorers, *kept)), tuple(notes)


def _differing(here: Experiment, there: Experiment) -> list[str]:
    """What of the experiment comes from the work tree though it could make its gates easier to pass."""
    found = ["the dataset"] if here.dataset != there.dataset else []
    found += ["the axis"] if here.axis != there.axis else []
    found += ["the number of repeats"] if here.repeats != there.repeats else []
    old = {spec.name: spec for spec in there.scorers}
    gated = {gate.metric for gate in there.gates}
    changed = (spec.name for spec in here.scorers if spec.name in gated and old.get(spec.name, spec) != spec)
    return [*found, *(f'the scorer "{name}"' for name in changed)]


def _pinned(source: VariantSource) -> tuple[str, ...]:
    """A variant that names a version is the same whatever its prompt's file holds: who edited the file must know."""
    if "@" not in (source.prompt or ""):
        return ()
    return (f'variant "{source.name}" is pinned to "{source.prompt}": changes of the prompt\'s file do not reach it',)
