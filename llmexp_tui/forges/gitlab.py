"""GitLab CI: one sticky note on the merge request, and `metrics.txt` for the metrics report.

The note needs a token with the api scope in GITLAB_TOKEN; a job's own token may not write notes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from llmexp_tui.domain.text import one_line
from llmexp_tui.forges.api import Api, ForgeError
from llmexp_tui.forges.base import Mark, Posted, marker, sticky_key, within
from llmexp_tui.reports.markdown import check_markdown
from llmexp_tui.reports.record import CheckReport

METRICS_FILE = "metrics.txt"


class GitLab:
    """The forge as this job's environment describes it."""

    name = "gitlab"

    def __init__(
        self,
        env: Mapping[str, str],
        project: Path,
        experiments: Sequence[str] = (),
        make_api: Callable[[str, Mapping[str, str]], Api] = Api,
    ) -> None:
        self._env = env
        self._project = project
        self._experiments = experiments
        self._make_api = make_api

    def refusal(self) -> str | None:
        """GitLab runs a fork's pipeline in the fork: nothing to refuse."""
        return None

    def publish(self, report: CheckReport, marks: Sequence[Mark]) -> Posted:
        """The metrics file and the note, each on its own."""
        return Posted((), tuple(note for note in (self._metrics(report), self._note(report)) if note))

    def _metrics(self, report: CheckReport) -> str | None:
        path = Path(self._env.get("CI_PROJECT_DIR", ".")) / METRICS_FILE
        try:
            path.write_text(open_metrics(report), encoding="utf-8")
        except OSError as error:
            return f"{METRICS_FILE} could not be written: {error}"
        return None

    def _note(self, report: CheckReport) -> str | None:
        number, token = self._env.get("CI_MERGE_REQUEST_IID"), self._env.get("GITLAB_TOKEN")
        if not number:
            return None
        if not token:
            return "no note on the merge request: GITLAB_TOKEN (a token with the api scope) is not set"
        api = self._make_api(self._env.get("CI_API_V4_URL", "https://gitlab.com/api/v4"), {"PRIVATE-TOKEN": token})
        # A fork's pipeline runs in the fork; the merge request is in the project that it asks to be merged into.
        target = self._env.get("CI_MERGE_REQUEST_PROJECT_ID") or self._env.get("CI_PROJECT_ID", "")
        project = quote(target, safe="")
        path = f"projects/{project}/merge_requests/{quote(number, safe='')}/notes"
        first = marker(self._key())
        body = {"body": f"{first}\n{check_markdown(report, 'note', footer=self._link())}"}
        try:
            known = _find(api, path, first)
            api.send("POST" if known is None else "PUT", path if known is None else f"{path}/{known}", body)
        except ForgeError as error:
            return f"no note on the merge request: {error}"
        return None

    def _key(self) -> str:
        folder = within(self._env.get("CI_PROJECT_DIR"), self._project)
        return sticky_key(self._env.get("CI_JOB_NAME", ""), folder, *self._experiments)

    def _link(self) -> str:
        url = self._env.get("CI_JOB_URL")
        return f"\n[The whole run]({url})\n" if url else ""


def _find(api: Api, path: str, first: str) -> int | None:
    """This job's earlier note, by marker and author."""
    own = api.get("user")["id"]
    for page in api.pages(f"{path}?per_page=100"):
        for note in page:
            if (note.get("author") or {}).get("id") == own and str(note.get("body", "")).startswith(first):
                return int(note["id"])
    return None


def open_metrics(report: CheckReport) -> str:
    """Every known change as OpenMetrics text. GitLab compares strings: fixed decimals, no minus zero."""
    lines = ["# TYPE llmexp_delta gauge", "# HELP llmexp_delta Candidate minus baseline, or the ratio minus one."]
    for experiment in report.experiments:
        for metric in experiment.metrics:
            if metric.delta is None:
                continue
            labels = {
                "experiment": experiment.name,
                "candidate": metric.candidate,
                "metric": metric.metric,
                "statistic": metric.statistic,
                "slice": metric.slice or "",
            }
            shown = ",".join(f'{name}="{_label(value)}"' for name, value in labels.items() if value)
            lines.append(f"llmexp_delta{{{shown}}} {round(metric.delta, 6) + 0.0:.6f}")
    return "\n".join([*lines, "# EOF", ""])


def _label(text: str) -> str:
    return one_line(text).replace("\\", "\\\\").replace('"', '\\"')
