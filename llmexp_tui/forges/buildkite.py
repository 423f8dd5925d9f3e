"""Buildkite: one annotation on the build, by the agent's own command. The same context replaces the one before."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from llmexp_tui.domain.text import one_line
from llmexp_tui.forges.base import Mark, Posted, sticky_key, within
from llmexp_tui.reports.markdown import check_markdown
from llmexp_tui.reports.record import CheckReport

AGENT = "buildkite-agent"
TIMEOUT_S = 30.0
_STYLES = {"pass": "success", "fail": "error", "inconclusive": "warning", "invalid": "warning", "error": "error"}


class Buildkite:
    """The forge as this job's environment describes it."""

    name = "buildkite"

    def __init__(self, env: Mapping[str, str], project: Path, experiments: Sequence[str] = ()) -> None:
        self._env = env
        self._project = project
        self._experiments = experiments

    def refusal(self) -> str | None:
        """Whether forks are built at all is the pipeline's setting: nothing to refuse."""
        return None

    def publish(self, report: CheckReport, marks: Sequence[Mark]) -> Posted:
        """The annotation; a notice where the agent is not there or refuses."""
        agent = shutil.which(AGENT, path=self._env.get("PATH"))
        if agent is None:
            return Posted(notices=(f"no annotation: {AGENT} is not on the PATH",))
        command = [agent, "annotate", "--style", _STYLES[report.status], "--context", f"llmexp-{self._key()}"]
        body = check_markdown(report, "annotation").encode("utf-8", "replace")
        try:
            done = subprocess.run(
                command, input=body, capture_output=True, timeout=TIMEOUT_S, check=False, env=dict(self._env)
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return Posted(notices=(f"no annotation: {one_line(str(error))}",))
        if done.returncode:
            return Posted(notices=(f"no annotation: {one_line(done.stderr.decode('utf-8', 'replace'))}",))
        return Posted()

    def _key(self) -> str:
        env = self._env
        step = env.get("BUILDKITE_STEP_KEY") or env.get("BUILDKITE_LABEL", "")
        folder = within(env.get("BUILDKITE_BUILD_CHECKOUT_PATH"), self._project)
        return sticky_key(step, folder, *self._experiments)
