"""`--check`: the gate. Runs, judges, shows panels, writes reports and the forge's summary, exits by the verdict."""

from __future__ import annotations

from llmexp_tui.cli import output
from llmexp_tui.cli.commands.session import followed, opened
from llmexp_tui.cli.options import RootOptions
from llmexp_tui.errors import LlmexpError
from llmexp_tui.reports.files import require_writable, write_reports
from llmexp_tui.reports.record import CheckReport, ExperimentReport
from llmexp_tui.reports.text_panel import experiment_panel


def check(options: RootOptions) -> int:
    """The exit code of the worst experiment; raises LlmexpError where nothing could be judged."""
    from llmexp_tui.workflows.check import CheckOptions
    from llmexp_tui.workflows.check import check as run_check

    require_writable(options.reports)
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
    with opened(options) as session:
        try:
            report = followed(lambda listener: run_check(session, wanted, listener))
        except LlmexpError as error:
            if error.exit_code == 4:
                names = options.experiments or tuple(session.project.experiments)
                write_reports(_broken(names, error), options.reports)
            raise
    write_reports(report, options.reports)
    for experiment in report.experiments:
        output.write_panel(experiment_panel(experiment) + "\n")
    return report.exit_code


def _broken(names: tuple[str, ...], error: LlmexpError) -> CheckReport:
    """A report of a check that ended before there was anything to judge: scripts find it written all the same."""
    return CheckReport(
        tuple(
            ExperimentReport(
                name=name,
                status="error",
                question="",
                axis="",
                registration="",
                dataset=None,
                baseline=None,
                candidates=(),
                metrics=(),
                reasons=(error.sentence,),
            )
            for name in names
        )
    )
