"""The sample project judged under many seeds: how often the harmless prompt is called a change, the better one found.

    python tests/bench/sample_project.py [SEEDS]

Each seed is a whole `--check` of both experiments with answers of its own, in a store of its own. Beside the
harmless prompt stands the baseline's A/A copy, which differs in nothing but its samples.
"""

from __future__ import annotations

import asyncio
import math
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

from llmexp_tui.project.scaffold import copy_sample
from llmexp_tui.reports.record import ExperimentReport
from llmexp_tui.stats.result import MetricResult
from llmexp_tui.workflows.check import CheckOptions, check
from llmexp_tui.workflows.session import open_session

GATED = ("exact_match", "cost", "latency", "errors")
ALPHA = 0.05


def metric(report: ExperimentReport, name: str) -> MetricResult:
    """The mean of a metric in a report with one candidate."""
    return next(m for m in report.metrics if m.metric == name and m.statistic == "mean" and m.slice is None)


def judged(folder: Path, seed: int) -> dict[str, ExperimentReport]:
    """Both experiments of the sample under one seed, in a fresh store."""
    with open_session(folder, db=folder / f"seed-{seed}.db", env=os.environ) as session:
        report = asyncio.run(check(session, CheckOptions(seed=seed)))
    for left in folder.glob(f"seed-{seed}.db*"):
        left.unlink()
    return {experiment.name: experiment for experiment in report.experiments}


def share(count: int, total: int) -> str:
    """A count as a share with its Monte Carlo standard error."""
    p = count / total
    return f"{count:4d} of {total} = {100 * p:5.1f} % ± {100 * math.sqrt(max(p * (1 - p), 1e-9) / total):.1f}"


def main() -> None:
    """Prints the counts."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    verdicts = {name: Counter[str]() for name in ("examples", "wording")}
    statuses = {name: Counter[str]() for name in ("examples", "wording")}
    aa = 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "sample"
        copy_sample(folder)
        for seed in range(1, seeds + 1):
            for name, report in judged(folder, seed).items():
                verdicts[name][metric(report, "exact_match").verdict] += 1
                statuses[name][report.status] += 1
                p = metric(report, "exact_match").aa_p_value
                aa += name == "examples" and p is not None and p <= ALPHA
    for name, counts in verdicts.items():
        print(f"{name}: {dict(statuses[name])}")
        for verdict, count in sorted(counts.items()):
            print(f"  exact_match {verdict:14} {share(count, seeds)}")
    print(f"the baseline against itself, p <= {ALPHA}: {share(aa, seeds)}")


if __name__ == "__main__":
    main()
