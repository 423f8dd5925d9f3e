"""`--check`: the gate. Runs, judges, shows panels, writes reports and the forge's summary, exits by the verdict."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from llmexp_tui.cli import diagnostics, output
from llmexp_tui.cli.commands.session import followed, opened
from llmexp_tui.cli.exit_codes import ExitCode
from llmexp_tui.cli.options import RootOptions
from llmexp_tui.errors import LlmexpError, UsageError

if TYPE_CHECKING:
    from llmexp_tui.forges.base import Forge
    from llmexp_tui.reports.record import CheckReport
    from llmexp_tui.workflows.session import Session


def check(options: RootOptions) -> int:
    """The exit code of the worst experiment; raises LlmexpError where nothing could be judged."""
    from llmexp_tui.forges.base import find_forge
    from llmexp_tui.reports.files import require_writable, write_reports
    from llmexp_tui.reports.text_panel import experiment_panel

    require_writable(options.reports)
    with opened(options) as session:
        forge = find_forge(options.forge, os.environ, session.root)
        refusal = None if forge is None else forge.refusal()
        if refusal is not None:
            raise UsageError(
                refusal, where="--forge", mend="or say --forge none where only trusted files are checked out"
            )
        try:
            report = _judged(session, options)
        except LlmexpError as error:
            if error.exit_code == ExitCode.INCOMPLETE:
                write_reports(_broken(session, options, error), options.reports)
            raise
        for experiment in report.experiments:
            output.write_panel(experiment_panel(experiment) + "\n")
            if experiment.status == "error":
                diagnostics.say(f"{diagnostics.PROGRAM}: {experiment.name}: {'; '.join(experiment.reasons)}")
        write_reports(report, options.reports)
        if forge is not None:
            _publish(forge, session, report)
    return report.exit_code


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


def _broken(session: Session, options: RootOptions, error: LlmexpError) -> CheckReport:
    """A report of a check that ended before there was anything to judge: scripts find it written all the same."""
    from llmexp_tui.reports.record import CheckReport, ExperimentReport

    gated = tuple(name for name, experiment in session.project.experiments.items() if experiment.gates)
    return CheckReport(
        tuple(
            ExperimentReport(
                name=name,
                status="error",
                question=session.project.experiments[name].question,
                axis=session.project.experiments[name].axis,
                registration="",
                dataset=None,
                baseline=None,
                candidates=(),
                metrics=(),
                reasons=(error.sentence,),
            )
            for name in options.experiments or gated
        )
    )


def _publish(forge: Forge, session: Session, report: CheckReport) -> None:
    from llmexp_tui.forges.base import marks_of

    posted = forge.publish(report, marks_of(report, _prompt_paths(session)))
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
