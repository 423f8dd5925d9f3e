"""`--check`: the gate. Runs, judges, shows panels, writes reports and the forge's summary, exits by the verdict."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from llmexp_tui.cli import diagnostics, output
from llmexp_tui.cli.commands.session import followed, opened
from llmexp_tui.cli.exit_codes import ExitCode
from llmexp_tui.cli.options import RootOptions
from llmexp_tui.errors import LlmexpError, UsageError

if TYPE_CHECKING:
    from llmexp_tui.domain.experiment import Experiment
    from llmexp_tui.forges.base import Forge
    from llmexp_tui.reports.record import CheckReport
    from llmexp_tui.workflows.session import Session


def check(options: RootOptions) -> int:
    """The exit code of the worst experiment; raises LlmexpError where nothing could be judged."""
    from llmexp_tui.reports.files import require_writable, write_reports
    from llmexp_tui.reports.text_panel import experiment_panel

    require_writable(options.reports)
    forge = _forge(options)
    with _opened(options, forge) as session:
        try:
            report = _judged(session, options)
        except LlmexpError as error:
            broken = _broken(options, error, session.project.experiments)
            if error.exit_code == ExitCode.INCOMPLETE:
                write_reports(broken, options.reports)
            if error.exit_code != ExitCode.INTERRUPTED:
                _publish(forge, broken, {})
            raise
        for experiment in report.experiments:
            output.write_panel(experiment_panel(experiment) + "\n")
            if experiment.status == "error":
                diagnostics.say(f"{diagnostics.PROGRAM}: {experiment.name}: {'; '.join(experiment.reasons)}")
        write_reports(report, options.reports)
        _publish(forge, report, _prompt_paths(session))
    return report.exit_code


def _forge(options: RootOptions) -> Forge | None:
    """The forge that runs this job. Raises UsageError where the gate must not run in it: nothing is read then."""
    from llmexp_tui.forges.base import find_forge
    from llmexp_tui.project.locate import find_project

    folder = options.project or Path.cwd()
    forge = find_forge(options.forge, os.environ, find_project(folder) or folder, options.experiments)
    refusal = None if forge is None else forge.refusal()
    if refusal is not None:
        mend = "or say --forge none where only trusted files are checked out"
        raise UsageError(refusal, where="--forge", mend=mend)
    return forge


def _opened(options: RootOptions, forge: Forge | None) -> Session:
    """The session. A project that cannot be opened is told to the forge, whose last word would stand otherwise."""
    try:
        return opened(options)
    except LlmexpError as error:
        _publish(forge, _broken(options, error, {}), {})
        raise


def _judged(session: Session, options: RootOptions) -> CheckReport:
    from llmexp_tui.workflows.check import CheckOptions
    from llmexp_tui.workflows.check import check as run_check

    wanted = CheckOptions(
        experiments=options.experiments,
        fresh=options.fresh,
        offline=options.offline,
        max_cost=options.max_cost,
        base=options.base,
        seed=options.seed,
        cache=options.cache,
        label_on_pass=options.label_on_pass,
    )
    return followed(lambda listener, flag: run_check(session, wanted, listener, flag=flag))


def _broken(options: RootOptions, error: LlmexpError, known: Mapping[str, Experiment]) -> CheckReport:
    """A report of a check that ended before there was anything to judge: scripts and forges are told all the same."""
    from llmexp_tui.project.locate import PROJECT_FILE
    from llmexp_tui.reports.record import CheckReport, ExperimentReport

    gated = tuple(name for name, experiment in known.items() if experiment.gates)
    return CheckReport(
        tuple(
            ExperimentReport(
                name=name,
                status="error",
                question=known[name].question if name in known else "",
                axis=known[name].axis if name in known else "",
                registration="",
                dataset=None,
                baseline=None,
                candidates=(),
                metrics=(),
                reasons=(error.sentence,),
                cost_usd=0.0 if error.exit_code == ExitCode.USAGE else None,
            )
            for name in options.experiments or gated or (PROJECT_FILE,)
        )
    )


def _publish(forge: Forge | None, report: CheckReport, prompt_paths: Mapping[tuple[str, str], str]) -> None:
    from llmexp_tui.forges.base import marks_of

    if forge is None:
        return
    posted = forge.publish(report, marks_of(report, prompt_paths))
    for line in posted.log_lines:
        output.write_log_command(line)
    for notice in posted.notices:
        diagnostics.say(f"{forge.name}: {notice}")


def _prompt_paths(session: Session) -> dict[tuple[str, str], str]:
    """The prompt file that stands behind each variant, as the project file names it."""
    found = {}
    for name, experiment in session.project.experiments.items():
        for variant, source in experiment.variants.items():
            path = session.project.prompts.get((source.prompt or "").partition("@")[0])
            if path is not None:
                found[name, variant] = str(path)
    return found
