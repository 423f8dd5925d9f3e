"""Both arms from git: the baseline variant as at the merge base against the same variant in the work tree.

The base arm is read through git objects; the work tree is never touched. Dataset and scorers come from the work
tree for both arms; gates and plan come from the base, so that a change cannot loosen the gate that judges it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from llmexp_tui.domain.experiment import Experiment, VariantSource
from llmexp_tui.domain.prompt import Prompt
from llmexp_tui.domain.variant import Variant
from llmexp_tui.errors import ConfigError
from llmexp_tui.project.config import Project, load_project
from llmexp_tui.project.git_ref import GitTree, merge_base
from llmexp_tui.project.prompts import load_prompt
from llmexp_tui.workflows.prepare import Prepared, assemble, build_variant, find_experiment, with_overrides
from llmexp_tui.workflows.session import Session
from llmexp_tui.workflows.versions import resolve_prompt


class BaseTree:
    """The project as at the merge base of a ref and HEAD. Raises GitError or ConfigError when opened."""

    def __init__(self, session: Session, ref: str) -> None:
        self.ref = ref
        self.commit = merge_base(session.root, ref)
        self.files = GitTree(session.root, self.commit)
        self.project: Project | None = (
            load_project(self.files, session.root) if self.files.exists("llmexp.toml") else None
        )

    def experiment(self, name: str) -> Experiment | None:
        """The experiment as it was there, None where it did not exist."""
        return None if self.project is None else self.project.experiments.get(name)


def prepare_against(session: Session, name: str, base: BaseTree, *, seed: int | None = None) -> Prepared | None:
    """The two arms `NAME@REF` and `NAME`; None where nothing that matters changed.

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
    variant = here.baseline
    old = there.variants.get(variant)
    if old is None:
        raise ConfigError(
            f'experiment "{name}" has no variant "{variant}" at {base.ref}',
            where="llmexp.toml",
            mend="keep the baseline's name, or check it without --base",
        )
    contents = {
        f"{variant}@{base.ref}": _base_prompt(session, base, base.project, old),
        variant: resolve_prompt(session, here.variants[variant].prompt or ""),
    }
    sources = {f"{variant}@{base.ref}": replace(old, name=f"{variant}@{base.ref}"), variant: here.variants[variant]}
    variants = _variants(session.project, base.project, here, sources, contents)
    experiment, notes = _judged_by_base(here, there, base.ref)
    experiment = replace(experiment, baseline=f"{variant}@{base.ref}", variants=sources)
    if len({v.hash for v in variants.values()}) == 1:
        return None
    return assemble(session, experiment, variants, contents, notes=notes)


def _variants(
    here: Project,
    there: Project,
    experiment: Experiment,
    sources: Mapping[str, VariantSource],
    contents: Mapping[str, Prompt],
) -> dict[str, Variant]:
    """Each arm with the models of its own side."""
    return {
        name: build_variant(there if "@" in name else here, experiment, source, contents[name])
        for name, source in sources.items()
    }


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
    known = {spec.name for spec in here.scorers}
    gated = {gate.metric for gate in there.gates}
    kept = tuple(spec for spec in there.scorers if spec.name in gated - known)
    if kept:
        notes.append(f"scorers that a gate of {ref} needs were taken from it: {', '.join(s.name for s in kept)}")
    plan = replace(there.plan, seed=here.plan.seed)
    return replace(here, gates=there.gates, plan=plan, scorers=(*here.scorers, *kept)), tuple(notes)
