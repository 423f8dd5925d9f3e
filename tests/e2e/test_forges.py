"""The README's job files, copied and run step by step as each forge would, in a real clone, against its loopback API.

What is not run is what belongs to others: checking out, caching between jobs, and installing the program.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as xml

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.cli.program import LABELS, project
from tests.fakes.repository import Repository
from tests.unit.forges.forge_server import ForgeServer

ROOT = Path(__file__).resolve().parents[2]
ACTION = ROOT / ".github" / "actions" / "llmexp-check"
README = (ROOT / "README.md").read_text("utf-8")
NUMBER = 7


def job_file(name: str) -> Any:
    """The example that the README gives for a file."""
    found = re.search(rf"`{re.escape(name)}`.*?^```yaml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert found is not None
    return yaml.safe_load(found[1])


@pytest.fixture
def forge() -> Iterator[ForgeServer]:
    with ForgeServer() as server:
        yield server


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder for the PATH: the program as installed, a pip that has nothing to do, an agent that writes down.

    Where a job makes an environment, it finds the same tools in it, and this pip alone.
    """
    folder = tmp_path / "tools"
    folder.mkdir()
    for name, body in {
        "llmexp-tui": f'exec "{sys.executable}" -m llmexp_tui "$@"',
        "pip": f'echo "$@" >>"{tmp_path}/pip.log"',
        "buildkite-agent": f'printf "%s\\n" "$*" >>"{tmp_path}/agent.log"; cat >"{tmp_path}/annotation.md"',
        "python3": f'mkdir -p "$3/bin"; mv "{folder}/pip" "$3/bin"; echo "PATH=$PWD/$3/bin:$PATH" >"$3/bin/activate"',
    }.items():
        (folder / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Repository:
    """A clone of a pull request that takes examples out of the prompt; the repository's main is as it was."""
    origin = Repository(tmp_path / "origin")
    project(origin.root, rows=120)
    origin.begin()
    origin.branch("topic")
    project(origin.root, rows=120, examples=LABELS[:1])
    origin.commit()
    return origin.clone(tmp_path / "checkout", "--branch", "topic")


@pytest.fixture
def source(tmp_path: Path) -> str:
    """The address of a repository like the one that this is, as far as installing from it goes."""
    origin = Repository(tmp_path / "source")
    folder = origin.root / ".github" / "actions" / "llmexp-check"
    folder.mkdir(parents=True)
    (folder / "requirements.txt").write_text((ACTION / "requirements.txt").read_text())
    origin.begin()
    return f"file://{origin.root}"


def require_pinned(tmp_path: Path, checkout: Path) -> None:
    """What pip was asked for: first every package with its version, then nothing but the program from its source."""
    pins, program = (tmp_path / "pip.log").read_text().splitlines()
    word, option, path = pins.split()
    assert (word, option) == ("install", "--requirement")
    assert (checkout / path).read_text() == (ACTION / "requirements.txt").read_text()
    assert program == "install --no-build-isolation ./.llmexp-source"


def run(words: str, where: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """A step as a runner runs it: bash that stops at the first error, no terminal."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("CI", "GIT", "BUILDKITE"))}
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", words], cwd=where, env={**clean, **env}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def filled(text: str, context: Mapping[str, str]) -> str:
    """A workflow's expressions with their values."""
    return re.sub(r"\$\{\{ *([\w.-]+) *\}\}", lambda found: context[found[1]], str(text))


# -- GitHub --------------------------------------------------------------------------------------------------------


def github_step(tmp_path: Path, forge: ForgeServer, tools: Path) -> tuple[dict[str, str], str]:
    """The environment and the command of the action's step, from the README's workflow and the action's own file."""
    workflow = job_file(".github/workflows/prompts.yml")
    assert workflow[True] == "pull_request"  # YAML 1.1 takes the key `on` for a yes
    assert workflow["permissions"] == {"contents": "read", "pull-requests": "write"}
    (checked_out, restored, used, saved) = workflow["jobs"]["prompts"]["steps"]
    assert saved["if"] == "always()", "the answers of a gate that failed are paid for too"
    assert saved["with"]["key"].startswith(restored["with"]["restore-keys"])
    assert restored["with"]["path"] == saved["with"]["path"] == used["with"]["cache"]
    assert checked_out["with"] == {"fetch-depth": 0}
    name, _, version = used["uses"].partition("@")
    assert name.endswith("/llmexp-tui/.github/actions/llmexp-check")
    assert version
    action = yaml.safe_load((ACTION / "action.yml").read_text("utf-8"))
    assert set(used["with"]) <= set(action["inputs"])
    context = {"github.base_ref": "main", "github.token": "t0ken", "github.action_path": str(ACTION)}
    given = {**{k: v["default"] for k, v in action["inputs"].items()}, **used["with"]}
    context |= {f"inputs.{key}": filled(value, context) for key, value in given.items()}
    (step,) = [step for step in action["runs"]["steps"] if "run" in step]
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": NUMBER}}))
    place = tmp_path / "runner" / "llmexp-check" / "venv" / "bin"
    place.mkdir(parents=True, exist_ok=True)
    for program, target in {"llmexp-tui": tools / "llmexp-tui", "python": Path(sys.executable)}.items():
        (place / program).unlink(missing_ok=True)
        (place / program).symlink_to(target)
    env = {key: filled(value, context) for key, value in step["env"].items()}
    return env | {
        "GITHUB_ACTIONS": "true", "GITHUB_API_URL": forge.base, "GITHUB_REPOSITORY": "o/r", "GITHUB_JOB": "prompts",
        "GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(event), "RUNNER_TEMP": str(tmp_path / "runner"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"), "GITHUB_OUTPUT": str(tmp_path / "outputs"),
        "GITHUB_WORKSPACE": str(tmp_path / "checkout"), "GITHUB_RUN_ID": "11",
    }, step["run"]  # fmt: skip


def test_the_workflow_for_github(tmp_path: Path, forge: ForgeServer, tools: Path, checkout: Repository) -> None:
    env, step = github_step(tmp_path, forge, tools)
    done = run(step, checkout.root, env)
    assert done.returncode == 1, done.stdout + done.stderr
    pinned = r"^::error file=long\.md,line=1,title=tone%3A exact_match regressed::"
    assert re.search(pinned, done.stdout, re.MULTILINE)
    outputs = dict(line.split("=", 1) for line in (tmp_path / "outputs").read_text().splitlines())
    assert (outputs["exit-code"], outputs["status"]) == ("1", "fail")
    assert {path.suffix for path in Path(outputs["report"]).iterdir()} == {".json", ".md", ".xml", ".html"}
    assert "FAILS" in (tmp_path / "summary.md").read_text()
    (posted,) = forge.written()
    assert (posted.method, posted.path) == ("POST", f"/repos/o/r/issues/{NUMBER}/comments")
    assert posted.headers["Authorization"] == "Bearer t0ken"
    assert posted.body["body"].startswith("<!-- llmexp:")
    assert "actions/runs/11" in posted.body["body"]
    assert (checkout.root / "llmexp.cache").exists()
    forge.comments = [{"id": 5, "user": {"type": "Bot"}, "body": posted.body["body"]}]
    assert run(step, checkout.root, env).returncode == 1
    assert (forge.written()[1].method, forge.written()[1].path) == ("PATCH", "/repos/o/r/issues/comments/5")


def test_a_forks_job_on_github_keeps_its_verdict(
    tmp_path: Path, forge: ForgeServer, tools: Path, checkout: Repository
) -> None:
    env, step = github_step(tmp_path, forge, tools)
    forge.refusals, forge.refused_methods = [(403, {})], ("POST",)
    done = run(step, checkout.root, env)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "its token may only read" in done.stderr
    assert "FAILS" in (tmp_path / "summary.md").read_text()


def test_a_shallow_checkout_on_github_is_told_what_to_do(
    tmp_path: Path, forge: ForgeServer, tools: Path, checkout: Repository
) -> None:
    env, step = github_step(tmp_path, forge, tools)
    Repository(tmp_path / "origin").clone(tmp_path / "shallow", "--depth", "1", "--branch", "topic")
    done = run(step, tmp_path / "shallow", {**env, "GITHUB_WORKSPACE": str(tmp_path / "shallow")})
    assert done.returncode == 2
    assert "fetch-depth: 0" in done.stderr
    assert "fetch-depth: 0" in (tmp_path / "summary.md").read_text()


def test_an_old_comment_does_not_go_on_saying_that_the_gate_passes(
    tmp_path: Path, forge: ForgeServer, tools: Path, checkout: Repository
) -> None:
    env, step = github_step(tmp_path, forge, tools)
    project(checkout.root, rows=120)  # as on main
    assert run(step, checkout.root, env).returncode == 0
    (passed,) = forge.written()
    assert "GATE PASSES" in passed.body["body"]
    forge.comments = [{"id": 5, "user": {"type": "Bot"}, "body": passed.body["body"]}]
    for broken, said in (("long.md", r"{{ texd }}"), ("llmexp.toml", "basline = 1")):
        before = (checkout.root / broken).read_text()
        (checkout.root / broken).write_text(f"{before}\n{said}\n")
        assert run(step, checkout.root, env).returncode == 2
        (checkout.root / broken).write_text(before)
    for told, what in zip(forge.written()[1:], ("texd", "basline"), strict=True):
        assert (told.method, told.path) == ("PATCH", "/repos/o/r/issues/comments/5")
        assert "NOT COMPLETED" in told.body["body"]
        assert what in told.body["body"]


def installing(tmp_path: Path, pyproject: str, given: str) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The folder of the action in a repository of that project file, and its step where no program is yet."""
    home = tmp_path / "repository"
    action = home / ".github" / "actions" / "llmexp-check"
    action.mkdir(parents=True)
    (home / "pyproject.toml").write_text(f"[project]\n{pyproject}\n")
    python = tmp_path / "bin" / "python"  # stands in for the one that makes environments
    python.parent.mkdir()
    python.write_text(
        '#!/usr/bin/env bash\nmkdir -p "$3/bin"\n'
        f'printf "#!/bin/sh\\nfor last; do :; done; echo \\$last >>{tmp_path}/asked" >"$3/bin/pip"\n'
        'printf "#!/bin/sh\\nexit 3" >"$3/bin/llmexp-tui"\nchmod +x "$3"/bin/*\n'
    )
    python.chmod(0o755)
    env = {
        "PATH": f"{python.parent}:{os.environ['PATH']}", "RUNNER_TEMP": str(tmp_path / "runner"),
        "LLMEXP_ACTION": str(action), "LLMEXP_REQUIREMENT": given,
    }  # fmt: skip
    return action, run(f'bash "{ACTION}/check.sh"', home, env)


@pytest.mark.parametrize(
    ("pyproject", "given", "installed"),
    [
        ('name = "llmexp-tui"', "", "{action}/../../.."),
        ('name = "shop"', "llmexp-tui==1.2.3", "llmexp-tui==1.2.3"),
    ],
)
def test_a_copy_of_the_action_installs_the_program_and_not_its_new_home(
    tmp_path: Path, pyproject: str, given: str, installed: str
) -> None:
    action, done = installing(tmp_path, pyproject, given)
    assert done.returncode == 3, done.stderr
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked == [f"{action}/requirements.txt", installed.format(action=action)]


def test_a_copy_of_the_action_that_names_nothing_to_install_installs_nothing(tmp_path: Path) -> None:
    _, done = installing(tmp_path, 'name = "shop"', "")
    assert done.returncode == 2
    assert "requirement" in done.stdout
    assert not (tmp_path / "asked").exists()


def test_the_action_pins_every_package_that_the_program_needs() -> None:
    lines = [line for line in (ACTION / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    pinned: dict[str, list[Requirement]] = {}
    for pin in map(Requirement, lines):
        assert [one.operator for one in pin.specifier] == ["=="], str(pin)
        pinned.setdefault(canonicalize_name(pin.name), []).append(pin)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    for needed in map(Requirement, [*project["project"]["dependencies"], *project["build-system"]["requires"]]):
        for pin in pinned[canonicalize_name(needed.name)]:
            (version,) = (one.version for one in pin.specifier)
            assert needed.specifier.contains(version), f"{pin} is none of {needed}"
    for needed in indirect(pinned):
        assert needed in pinned, f"{needed} is not pinned"


def indirect(names: Iterable[str]) -> set[str]:
    """What the installed packages of these names need in turn, here and without extras."""
    found = set()
    for name in names:
        with suppress(PackageNotFoundError):  # pinned for another platform
            needs = map(Requirement, distribution(name).requires or ())
            found |= {canonicalize_name(need.name) for need in needs if need.marker is None or need.marker.evaluate()}
    return found


# -- GitLab --------------------------------------------------------------------------------------------------------


def test_the_job_for_gitlab(
    tmp_path: Path, forge: ForgeServer, tools: Path, checkout: Repository, source: str
) -> None:
    job = job_file(".gitlab-ci.yml")["prompts"]
    forge.user = {"id": 42}
    env = {
        "PATH": f"{tools}:{os.environ['PATH']}", "GITLAB_CI": "true", "CI_PROJECT_DIR": str(checkout.root),
        "CI_PROJECT_ID": "9", "CI_MERGE_REQUEST_IID": str(NUMBER), "CI_API_V4_URL": f"{forge.base}/api/v4",
        "GITLAB_TOKEN": "t0ken", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main", "CI_JOB_NAME": "prompts",
        **job["variables"], "LLMEXP_SOURCE": source,
    }  # fmt: skip
    done = run("\n".join(job["script"]), checkout.root, env)
    assert done.returncode == 1, done.stdout + done.stderr
    require_pinned(tmp_path, checkout.root)
    kept = [*job["artifacts"]["paths"], *job["artifacts"]["reports"].values(), *job["cache"]["paths"]]
    assert [path for path in kept if not (checkout.root / path).exists()] == []
    assert int(xml.parse(checkout.root / "llmexp.xml").getroot().get("failures", "0")) > 1
    assert (checkout.root / "metrics.txt").read_text().endswith("# EOF\n")
    (posted,) = forge.written()
    assert (posted.method, posted.path) == ("POST", f"/api/v4/projects/9/merge_requests/{NUMBER}/notes")
    assert "FAILS" in posted.body["body"]


# -- Buildkite -----------------------------------------------------------------------------------------------------


def test_the_step_for_buildkite(tmp_path: Path, tools: Path, checkout: Repository, source: str) -> None:
    (step,) = job_file(".buildkite/pipeline.yml")["steps"]
    checkout.git("update-ref", "-d", "refs/remotes/origin/main")  # an agent fetches the branch it builds, no other
    env = {
        "PATH": f"{tools}:{os.environ['PATH']}", "BUILDKITE": "true", "BUILDKITE_LABEL": step["label"],
        "BUILDKITE_PULL_REQUEST_BASE_BRANCH": "main", "BUILDKITE_BUILD_CHECKOUT_PATH": str(checkout.root),
        **step["env"], "LLMEXP_SOURCE": source,
    }  # fmt: skip
    commands = "\n".join(step["command"]).replace("$$", "$")  # what uploading a pipeline does
    done = run(commands, checkout.root, env)
    assert done.returncode == 1, done.stdout + done.stderr
    require_pinned(tmp_path, checkout.root)
    assert re.match(r"annotate --style error --context llmexp-\w+", (tmp_path / "agent.log").read_text())
    assert "FAILS" in (tmp_path / "annotation.md").read_text()
