"""GitHub Actions: the step summary, annotations on prompt files, and one sticky comment on the pull request.

The comment needs a token that may write; a fork's may not, and then the summary has to do. The check itself is the
job's exit code.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from llmexp_tui.domain.text import neutralise
from llmexp_tui.forges.api import Api, ForgeError
from llmexp_tui.forges.base import Mark, Posted, marker, sticky_key, within
from llmexp_tui.reports.markdown import BUDGETS, check_markdown
from llmexp_tui.reports.record import CheckReport

MARKS_A_LEVEL = 10
"""GitHub shows ten errors and ten warnings a step."""
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


class GitHub:
    """The forge as this job's environment describes it."""

    name = "github"

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
        self._event = _event(env)

    def refusal(self) -> str | None:
        """A fork's files must not run beside this repository's secrets, whatever the workflow says."""
        event = self._env.get("GITHUB_EVENT_NAME")
        if event == "pull_request_target":
            pull = self._event.get("pull_request") or {}
            head, base = ((pull.get(side) or {}).get("repo") for side in ("head", "base"))
        elif event == "workflow_run":
            head = (self._event.get("workflow_run") or {}).get("head_repository")
            base = self._event.get("repository")
        elif event == "issue_comment" and (self._event.get("issue") or {}).get("pull_request"):
            head = base = None  # the event does not say where the pull request comes from
        else:
            return None
        names = [(side or {}).get("full_name") for side in (head, base)]
        if names[0] and names[0] == names[1]:
            return None
        return f"{event} may run a fork's files with this repository's secrets; use pull_request"

    def publish(self, report: CheckReport, marks: Sequence[Mark]) -> Posted:
        """Summary, annotations, comment: each on its own, so that one refusal does not cost the others."""
        notices = [note for note in (self._summarise(report), self._comment(report)) if note]
        return Posted(tuple(self._annotations(marks)), tuple(notices))

    def _summarise(self, report: CheckReport) -> str | None:
        path = self._env.get("GITHUB_STEP_SUMMARY")
        if not path:
            return None
        text = check_markdown(report, "summary")
        try:
            used = os.path.getsize(path) if os.path.exists(path) else 0
            if used + len(text.encode()) > BUDGETS["summary"]:
                return "the step summary is full, the report was not added to it"
            with open(path, "a", encoding="utf-8") as stream:
                stream.write(text + "\n")
        except OSError as error:
            return f"the step summary could not be written: {error}"
        return None

    def _annotations(self, marks: Sequence[Mark]) -> list[str]:
        lines = []
        for level in ("error", "warning"):
            for mark in [mark for mark in marks if mark.level == level][:MARKS_A_LEVEL]:
                path = within(self._env.get("GITHUB_WORKSPACE"), self._project / mark.path)
                properties = f"file={_property(path)},line=1,title={_property(mark.title)}"
                lines.append(f"::{level} {properties}::{neutralise(mark.text).translate(_DATA)}")
        return lines

    def _comment(self, report: CheckReport) -> str | None:
        number = self._pull_request()
        token = self._env.get("GITHUB_TOKEN")
        if not number:
            return None
        if not token:
            return "no comment on the pull request: GITHUB_TOKEN is not set for this step"
        api = self._make_api(
            self._env.get("GITHUB_API_URL", "https://api.github.com"),
            {"Authorization": f"Bearer {token}", "X-GitHub-Api-Version": "2022-11-28"},
        )
        repository = self._env.get("GITHUB_REPOSITORY", "")
        first = marker(self._key())
        body = f"{first}\n{check_markdown(report, 'comment', footer=self._link())}"
        try:
            known = self._find(api, f"repos/{repository}/issues/{int(number)}/comments?per_page=100", first)
            if known is None:
                api.send("POST", f"repos/{repository}/issues/{int(number)}/comments", {"body": body})
            else:
                api.send("PATCH", f"repos/{repository}/issues/comments/{known}", {"body": body})
        except ForgeError as error:
            why = "its token may only read" if error.forbidden else str(error)
            return f"no comment on the pull request ({why}); the report is in the step summary"
        return None

    def _pull_request(self) -> int | None:
        """The pull request's number. A finished workflow names those of its branch, also in other repositories."""
        pulls = [self._event.get("pull_request")]
        if "workflow_run" in self._event:
            here = (self._event.get("repository") or {}).get("id")
            named = self._event["workflow_run"].get("pull_requests") or []
            pulls = [pull for pull in named if ((pull.get("base") or {}).get("repo") or {}).get("id") == here]
        return pulls[0].get("number") if len(pulls) == 1 and pulls[0] else None

    def _find(self, api: Api, path: str, first: str) -> int | None:
        """This job's earlier comment: the marker and the author must fit, so that nobody can plant one."""
        own = _login(api)
        for page in api.pages(path):
            for comment in page:
                author = comment.get("user") or {}
                mine = author.get("login") == own if own else author.get("type") == "Bot"
                if mine and str(comment.get("body", "")).startswith(first):
                    return int(comment["id"])
        return None

    def _key(self) -> str:
        env = self._env
        folder = within(env.get("GITHUB_WORKSPACE"), self._project)
        return sticky_key(env.get("GITHUB_WORKFLOW", ""), env.get("GITHUB_JOB", ""), folder, *self._experiments)

    def _link(self) -> str:
        env = self._env
        if not env.get("GITHUB_RUN_ID"):
            return ""
        server = env.get("GITHUB_SERVER_URL", "https://github.com")
        return f"\n[The whole run]({server}/{env.get('GITHUB_REPOSITORY', '')}/actions/runs/{env['GITHUB_RUN_ID']})\n"


def _event(env: Mapping[str, str]) -> dict[str, Any]:
    """What started the job; empty where it cannot be read (the comment is then left out)."""
    try:
        with open(env["GITHUB_EVENT_PATH"], encoding="utf-8") as stream:
            event = json.load(stream)
    except (KeyError, OSError, ValueError):
        return {}
    return event if isinstance(event, dict) else {}


def _login(api: Api) -> str | None:
    """The token's own user; None for a job's token, which may not ask and always comments as a bot."""
    try:
        user = api.get("user")
    except ForgeError as error:
        if error.forbidden:
            return None
        raise
    return user.get("login") if isinstance(user, dict) else None


def _property(text: str) -> str:
    return neutralise(text).translate(_PROPERTY)
