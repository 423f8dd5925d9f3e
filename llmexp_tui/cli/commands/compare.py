"""`compare`: the results panel of an experiment, of two runs, or of a table of scores. It calls no model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from llmexp_tui.cli import output
from llmexp_tui.cli.commands.session import opened
from llmexp_tui.cli.options import RootOptions
from llmexp_tui.errors import UsageError

FORMATS = ("table", "json", "md")

Type = Annotated[
    str | None,
    typer.Option(
        "--type", metavar="TYPE", help="binary, bounded, ordinal, latency, ratio, share, pairwise or unbounded."
    ),
]
Range = Annotated[str | None, typer.Option("--range", metavar="LO,HI", help="Lowest and highest possible score.")]
Limit = Annotated[
    float | None, typer.Option("--limit", metavar="X", help="Judge the share of scores above this limit.")
]
MinEffect = Annotated[
    float, typer.Option("--min-effect", metavar="X", help="A gain that is smaller is no improvement.")
]
MaxChange = Annotated[
    float | None, typer.Option("--max-change", metavar="X", help="A promise that no row moves by more.")
]
Strict = Annotated[
    bool, typer.Option("--strict", help="A margin claim that holds for any bounded score and any number of rows.")
]
Slices = Annotated[
    list[str] | None,
    typer.Option(
        "--slice",
        metavar="COLUMN[=VALUE]",
        help="A further gate on the rows with this value; without one each value, exploratory (repeatable).",
    ),
]


@dataclass(frozen=True, slots=True)
class ScoresRequest:
    """What is asked of a table of scores, as typed."""

    path: Path
    baseline: str
    candidates: tuple[str, ...]
    aa: str | None
    metrics: tuple[str, ...]
    type: str | None
    range: tuple[float, float] | None
    direction: str | None
    margin: float | None
    limit: float | None
    min_effect: float
    max_change: float | None
    strict: bool
    slices: tuple[str, ...]
    alpha: float


def compare(
    context: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[EXPERIMENT | RUN_A RUN_B]", show_default=False)
    ] = None,
    scores: Annotated[
        Path | None,
        typer.Option(
            "--scores", metavar="FILE", help="A CSV or JSONL table with the columns row_id, variant, score."
        ),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option("--baseline", metavar="A", help="The table's baseline variant.")
    ] = None,
    candidate: Annotated[
        list[str] | None, typer.Option("--candidate", metavar="B", help="A variant to compare (repeatable).")
    ] = None,
    aa: Annotated[str | None, typer.Option("--aa", metavar="A2", help="The baseline's self-A/A copy.")] = None,
    metric: Annotated[
        list[str] | None, typer.Option("--metric", metavar="NAME", help="Only this metric (repeatable).")
    ] = None,
    kind: Type = None,
    bounds: Range = None,
    direction: Annotated[
        str | None, typer.Option("--direction", metavar="WAY", help="higher or lower is better.")
    ] = None,
    margin: Annotated[
        float | None, typer.Option("--margin", metavar="M", help="How much worse is still acceptable.")
    ] = None,
    limit: Limit = None,
    min_effect: MinEffect = 0.0,
    max_change: MaxChange = None,
    strict: Strict = False,
    slices: Slices = None,
    alpha: Annotated[float, typer.Option("--alpha", metavar="P", help="Level of the tests.")] = 0.05,
    style: Annotated[str, typer.Option("--format", metavar="NAME", help="table, json or md.")] = "table",
) -> int:
    """Show the results panel: of an experiment's newest runs, of two runs, or of a table of scores.

    Exits as --check does: 0 passed, 1 failed, 3 inconclusive or invalid.
    """
    options: RootOptions = context.obj
    if style not in FORMATS:
        raise UsageError(f'unknown format "{style}"', where="--format", mend=f"use one of {', '.join(FORMATS)}")
    if scores is not None:
        if names:
            raise UsageError(
                "a table of scores and names of runs do not go together",
                where="compare",
                mend="give --scores FILE alone, or leave it out",
            )
        request = ScoresRequest(
            scores,
            *_arms(baseline, candidate),
            aa=aa,
            metrics=tuple(metric or ()),
            type=kind,
            range=_bounds(bounds),
            direction=direction,
            margin=margin,
            limit=limit,
            min_effect=min_effect,
            max_change=max_change,
            strict=strict,
            slices=tuple(slices or ()),
            alpha=alpha,
        )
        return _compare_scores(request, options, style)
    return _compare_runs(tuple(names or ()), options, style)


def _compare_runs(names: tuple[str, ...], options: RootOptions, style: str) -> int:
    from llmexp_tui.reports.files import require_writable, write_reports
    from llmexp_tui.reports.json import check_json, render
    from llmexp_tui.reports.markdown import check_markdown
    from llmexp_tui.reports.record import CheckReport
    from llmexp_tui.reports.text_panel import experiment_panel
    from llmexp_tui.workflows.compare import compare_experiment, compare_runs

    require_writable(options.reports)
    names = names or options.experiments
    if len(names) not in (1, 2):
        raise UsageError(
            f"{len(names)} names given", where="compare", mend="give an experiment, two runs, or --scores FILE"
        )
    with opened(options) as session:
        compare = compare_experiment if len(names) == 1 else compare_runs
        found = compare(session, *names, by_row=bool(options.reports))
    report = CheckReport((found,))
    write_reports(report, options.reports)
    if style == "json":
        output.write_exact(render(check_json(report)))
    elif style == "md":
        output.write_exact(check_markdown(report))
    else:
        output.write_panel(experiment_panel(found))
    return report.exit_code


def _compare_scores(request: ScoresRequest, options: RootOptions, style: str) -> int:
    from llmexp_tui.reports.json import comparison_json, render
    from llmexp_tui.reports.markdown import comparison_markdown
    from llmexp_tui.reports.record import EXIT_CODES
    from llmexp_tui.reports.text_panel import comparison_panel
    from llmexp_tui.workflows.scores_table import MetricSettings, compare_scores_file

    if options.reports:
        raise UsageError(
            "a table of scores has no report file",
            where="--report",
            mend="use --format json or --format md and redirect it",
        )
    result = compare_scores_file(
        request.path,
        baseline=request.baseline,
        candidates=request.candidates,
        aa=request.aa,
        metrics=request.metrics,
        settings=MetricSettings(
            request.type, request.range, request.direction, request.margin,
            request.limit, request.min_effect, request.max_change, request.strict,
        ),
        slices=request.slices,
        alpha=request.alpha,
        seed=1 if options.seed is None else options.seed,
    )
    if style == "json":
        output.write_exact(render(comparison_json(result)))
    elif style == "md":
        output.write_exact(comparison_markdown(result))
    else:
        output.write_panel(comparison_panel(result))
    return EXIT_CODES[result.status]


def _arms(baseline: str | None, candidates: list[str] | None) -> tuple[str, tuple[str, ...]]:
    if baseline is None or not candidates:
        raise UsageError(
            "--scores needs to know which variants to compare", where="compare", mend="add --baseline A --candidate B"
        )
    return baseline, tuple(candidates)


def _bounds(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f'"{text}" is not two numbers', where="--range", mend="write it as 0,1") from None
    return low, high
