"""`--check` as scripts see it: exit codes, reports, streams."""

import json
import os
import re
import signal
import subprocess

import pytest

from tests.cli.program import COMMAND, llmexp, project, wait_for
from tests.fakes.replies import FAULTS

KEY = {"OPENAI_API_KEY": "sk-test-1234567890"}


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """A project that was checked once, with its report."""
    folder = project(tmp_path_factory.mktemp("project"))
    return folder, llmexp("--check", "--report", "out/report.json", "--report", "report.md", cwd=folder)


def test_a_pass_is_0_and_says_so(checked):
    folder, ended = checked
    assert ended.code == 0, ended.err
    assert "✓ GATE PASSES" in ended.out
    assert "exact_match        100.0 → 100.0 %" in ended.out
    report = json.loads((folder / "out" / "report.json").read_text())
    assert (report["schema"], report["status"], report["exit_code"]) == ("llmexp.check/1", "pass", 0)
    (metric,) = [m for m in report["experiments"][0]["metrics"] if m["registered"]]
    assert (metric["metric"], metric["verdict"], metric["gate"]) == ("exact_match", "no_regression", "pass")
    assert (folder / "report.md").read_text().startswith("## ✓ GATE PASSES")


def test_checked_again_it_calls_nothing_and_says_the_same(checked):
    folder, first = checked
    again = llmexp("--check", "--report", "again.json", cwd=folder)
    assert again.code == 0
    assert "0 calls made" in again.out
    assert figures(again.out) == figures(first.out)
    before, after = (json.loads((folder / name).read_text()) for name in ("out/report.json", "again.json"))
    assert after["experiments"][0]["metrics"] == before["experiments"][0]["metrics"]
    assert after["experiments"][0]["runs"] == before["experiments"][0]["runs"]


def test_offline_with_everything_stored_is_a_verdict(checked):
    assert llmexp("--check", "--offline", cwd=checked[0]).code == 0


def test_compare_shows_what_check_showed(checked):
    folder, first = checked
    compared = llmexp("compare", "tone", cwd=folder)
    assert compared.code == 0
    assert figures(compared.out) == figures(first.out)
    as_json = llmexp("compare", "tone", "--format", "json", cwd=folder).json
    assert as_json["experiments"][0]["name"] == "tone"
    ids = [as_json["experiments"][0]["runs"][side] for side in ("baseline", "candidates")]
    two = llmexp("compare", ids[0]["id"], ids[1][0]["id"], "--format", "md", cwd=folder)
    assert two.out.startswith("## ")


def test_facts_on_stdout_progress_on_stderr_and_no_escape_code_anywhere(checked):
    ended = checked[1]
    assert "\x1b" not in ended.out + ended.err
    assert "running" in ended.err
    assert "running" not in ended.out


def test_a_regression_is_1(tmp_path):
    ended = llmexp("--check", "--report", "r.json", cwd=project(tmp_path, fewer=["refund"]))
    assert ended.code == 1, ended.err
    assert "✗ GATE FAILS" in ended.out
    assert json.loads((tmp_path / "r.json").read_text())["status"] == "fail"


def test_too_few_rows_are_3_with_the_reason(tmp_path):
    ended = llmexp("--check", "--report", "r.json", cwd=project(tmp_path, rows=12))
    assert ended.code == 3, ended.err
    assert "? INCONCLUSIVE" in ended.out
    assert " - why: short, exact_match" in ended.out
    assert json.loads((tmp_path / "r.json").read_text())["exit_code"] == 3


def test_offline_with_nothing_stored_is_4_and_reported(tmp_path):
    ended = llmexp("--check", "--offline", "--report", "r.json", cwd=project(tmp_path))
    assert ended.code == 4, ended.err
    report = json.loads((tmp_path / "r.json").read_text())
    assert (report["status"], report["exit_code"]) == ("error", 4)
    assert ended.err.split("\n")[-2].startswith("llmexp-tui: tone: ")
    assert report["experiments"][0]["name"] == "tone"


def served(folder, server, **changes):
    """A project whose model is the loopback server."""
    settings = f'api_base = "{server.base_url}"\nlane = "direct"'
    return project(folder, model="openai/some-model", settings=settings, **changes)


@pytest.mark.parametrize("fault", ["auth", "bad_request"])
def test_a_provider_that_refuses_is_4_and_no_key_is_told(tmp_path, model_server, fault):
    model_server.always(FAULTS[fault])
    folder = served(tmp_path, model_server, rows=30)
    ended = llmexp("--check", "--trust", "--report", "r.json", cwd=folder, env=KEY)
    assert ended.code == 4, ended.out + ended.err
    report = (tmp_path / "r.json").read_text()
    assert json.loads(report)["status"] == "error"
    assert "sk-test" not in ended.out + ended.err + report


def test_a_run_in_ci_can_be_interrupted_and_resumed(tmp_path, model_server):
    model_server.delay_s = 0.05
    folder = served(tmp_path, model_server, rows=90)
    words = [*COMMAND, "run", "tone", "--trust"]
    with subprocess.Popen(words, cwd=folder, env={**os.environ, **KEY}, stderr=subprocess.PIPE) as process:
        wait_for(lambda: model_server.count >= 20)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=30)[1].decode()
    assert process.returncode == 130
    assert "resume" in said
    asked = model_server.count
    assert asked < 180
    resumed = llmexp("resume", "--trust", cwd=folder, env=KEY)
    assert resumed.code == 0, resumed.err
    assert model_server.count == 180
    assert resumed.out.count("90/90") == 2


def test_a_power_without_trust_is_2_and_nothing_is_called(tmp_path, model_server):
    ended = llmexp("--check", cwd=served(tmp_path, model_server), env=KEY)
    assert ended.code == 2
    assert "api_base" in ended.err
    assert model_server.count == 0


def test_a_misspelt_key_is_2_with_file_line_and_the_nearest_key(tmp_path):
    folder = project(tmp_path)
    path = folder / "llmexp.toml"
    path.write_text(path.read_text().replace("baseline =", "basline ="), "utf-8")
    ended = llmexp("--check", "--report", "r.json", cwd=folder)
    assert ended.code == 2
    assert re.fullmatch(r"llmexp-tui: .*llmexp\.toml.*basline.*baseline.*\n", ended.err)
    assert not (folder / "r.json").exists()


def test_a_traceback_only_on_demand(tmp_path):
    folder = project(tmp_path)
    (folder / "llmexp.toml").write_text("[datasets", "utf-8")
    assert "Traceback" not in llmexp("--check", cwd=folder).err
    assert "Traceback" in llmexp("--check", "--debug", cwd=folder).err


def test_an_experiment_that_is_not_there_is_2_with_the_nearest_name(tmp_path):
    ended = llmexp("--check", "-e", "tome", cwd=project(tmp_path))
    assert ended.code == 2
    assert 'did you mean "tone"?' in ended.err


def test_a_report_that_cannot_be_written_is_2_before_anything_is_called(tmp_path):
    folder = project(tmp_path)
    (folder / "file").write_text("x")
    ended = llmexp("--check", "--report", "file/r.json", cwd=folder)
    assert ended.code == 2
    assert "cannot write the report" in ended.err
    assert not (folder / ".llmexp").exists()


def test_another_seed_is_another_registration(checked):
    folder, first = checked
    ended = llmexp("--check", "--seed", "7", cwd=folder)
    assert ended.code == 0, ended.err
    assert registered(ended.out) != registered(first.out)


def figures(text):
    return [line for line in text.split("\n") if re.match(r" (exact_match|latency|cost|tokens|errors)", line)]


def registered(text):
    return re.search(r"registered ([0-9a-f]{12})", text.replace("\n", " ")).group(1)


def test_on_a_forge_the_check_writes_its_summary_and_marks_the_prompt(tmp_path):
    folder = project(tmp_path / "project", fewer=["refund"])
    summary = tmp_path / "summary.md"
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary), "GITHUB_WORKSPACE": str(tmp_path)}
    ended = llmexp("--check", cwd=folder, env=env)
    assert ended.code == 1, ended.err
    assert summary.read_text().startswith("## ✗ GATE FAILS")
    assert "\n::error file=project/short.md,line=1,title=tone%3A exact_match regressed::" in ended.out
    summary.unlink()
    quiet = llmexp("--check", "--forge", "none", cwd=folder, env=env)
    assert quiet.code == 1
    assert "::error" not in quiet.out
    assert not summary.exists()
