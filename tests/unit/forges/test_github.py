"""GitHub Actions: summary, annotations and one sticky comment, as its runner and API would see them."""

import json
import re

import pytest

from llmexp_tui.forges.base import Mark, find_forge
from llmexp_tui.forges.github import GitHub
from llmexp_tui.reports.markdown import BUDGETS
from tests.unit.forges.forge_server import ForgeServer
from tests.unit.reports.build import HOSTILE, check, experiment, hostile_check, row

BOT = {"login": "github-actions[bot]", "type": "Bot"}


@pytest.fixture
def server():
    with ForgeServer() as server:
        yield server


@pytest.fixture
def env(server, tmp_path):
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7}}))
    return {
        "GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"), "GITHUB_TOKEN": "t0ken",
        "GITHUB_API_URL": server.base, "GITHUB_REPOSITORY": "owner/repo", "GITHUB_EVENT_PATH": str(event),
        "GITHUB_WORKFLOW": "prompts", "GITHUB_JOB": "gate", "GITHUB_WORKSPACE": str(tmp_path), "GITHUB_RUN_ID": "42",
    }  # fmt: skip


def test_it_is_found_by_its_environment(env, tmp_path):
    assert find_forge("auto", env, tmp_path).name == "github"
    assert find_forge("none", env, tmp_path) is None
    assert find_forge("auto", {}, tmp_path) is None
    assert find_forge("gitlab", env, tmp_path).name == "gitlab"


def test_the_summary_is_appended_to(env, tmp_path):
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    assert GitHub(env, tmp_path).publish(check(), ()).notices == ()
    assert summary.read_text().startswith("before\n## ✓ GATE PASSES")


def test_a_summary_that_is_full_is_left_alone(env, tmp_path):
    summary = tmp_path / "summary.md"
    summary.write_text("x" * (BUDGETS["summary"] - 10))
    (notice,) = GitHub(env, tmp_path).publish(check(), ()).notices
    assert "full" in notice
    assert summary.stat().st_size == BUDGETS["summary"] - 10


def test_the_first_comment_is_posted_with_its_marker_first(server, env, tmp_path):
    GitHub(env, tmp_path).publish(check(), ())
    (call,) = server.written()
    assert (call.method, call.path) == ("POST", "/repos/owner/repo/issues/7/comments")
    assert re.match(r"<!-- llmexp:[0-9a-f]{16} -->\n## ✓ GATE PASSES", call.body["body"])
    assert call.body["body"].endswith("[The whole run](https://github.com/owner/repo/actions/runs/42)\n")


def test_the_comment_is_updated_wherever_it_stands_in_the_pages(server, env, tmp_path):
    GitHub(env, tmp_path).publish(check(), ())
    body = server.written()[0].body["body"]
    server.comments = [{"id": number, "user": BOT, "body": "another"} for number in range(7)]
    server.comments.append({"id": 70, "user": BOT, "body": body})
    server.calls.clear()
    GitHub(env, tmp_path).publish(check(experiment(status="fail")), ())
    (call,) = server.written()
    assert (call.method, call.path) == ("PATCH", "/repos/owner/repo/issues/comments/70")
    assert "✗ GATE FAILS" in call.body["body"]


def test_a_comment_that_somebody_planted_is_not_touched(server, env, tmp_path):
    GitHub(env, tmp_path).publish(check(), ())
    body = server.written()[0].body["body"]
    server.comments = [{"id": 5, "user": {"login": "mallory", "type": "User"}, "body": body}]
    server.calls.clear()
    GitHub(env, tmp_path).publish(check(), ())
    assert [call.method for call in server.written()] == ["POST"]


def test_a_users_own_token_finds_its_own_comment(server, env, tmp_path):
    server.user = {"login": "ada", "type": "User"}
    GitHub(env, tmp_path).publish(check(), ())
    body = server.written()[0].body["body"]
    server.comments = [{"id": 5, "user": {"login": "ada", "type": "User"}, "body": body}]
    server.calls.clear()
    GitHub(env, tmp_path).publish(check(), ())
    assert [call.method for call in server.written()] == ["PATCH"]


def test_two_jobs_keep_two_comments(server, env, tmp_path):
    GitHub(env, tmp_path).publish(check(), ())
    GitHub({**env, "GITHUB_JOB": "other"}, tmp_path).publish(check(), ())
    first, second = (call.body["body"].split("\n")[0] for call in server.written())
    assert first != second


def test_the_jobs_of_a_matrix_keep_a_comment_each(server, env, tmp_path):
    for experiments in ((), ("tone",), ("length",), ("tone",)):
        find_forge("auto", env, tmp_path, experiments).publish(check(), ())
    markers = [call.body["body"].split("\n")[0] for call in server.written()]
    assert len(set(markers)) == 3
    assert markers[1] == markers[3]


def test_a_forks_read_only_token_costs_the_comment_and_nothing_else(server, env, tmp_path):
    server.refusals = [(403, {})]
    server.refused_methods = ("POST",)
    (notice,) = GitHub(env, tmp_path).publish(check(), ()).notices
    assert "step summary" in notice
    assert (tmp_path / "summary.md").exists()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_limit_that_is_used_up_is_not_taken_for_a_token_that_may_not_write(server, env, tmp_path, method):
    server.refusals = [(403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "99999999999"})]
    server.refused_methods = (method,)
    (notice,) = GitHub(env, tmp_path).publish(check(), ()).notices
    assert "the forge answered 403" in notice
    assert len(server.written()) == (method == "POST"), "unsure who it is, it writes no second comment"


def test_a_comment_stays_within_its_limit(server, env, tmp_path):
    rows = tuple(row(baseline_text="é" * 800) for _ in range(500))
    GitHub(env, tmp_path).publish(check(experiment(worst_rows=rows)), ())
    body = server.written()[0].body["body"]
    assert len(body.encode()) <= 65_536
    assert "rows left out" in body


def test_annotations_are_commands_that_foreign_text_cannot_break(env, tmp_path):
    marks = [Mark("prompts/a,b:c.md", "error", HOSTILE, HOSTILE)] * 12 + [Mark("p.md", "warning", "t", "x")]
    lines = GitHub(env, tmp_path / "project").publish(check(), marks).log_lines
    assert len(lines) == 11
    assert all(
        re.fullmatch(r"::(error|warning) file=[^,:]*,line=1,title=[^,:]*::[^\r\n\x1b]*", line) for line in lines
    )
    assert lines[0].startswith("::error file=project/prompts/a%2Cb%3Ac.md,")


def test_nothing_foreign_reaches_the_summary_raw(env, tmp_path):
    GitHub(env, tmp_path).publish(hostile_check(), ())
    assert "\x1b" not in (tmp_path / "summary.md").read_text()


@pytest.mark.parametrize(("head", "refused"), [("mallory/repo", True), ("owner/repo", False)])
def test_a_forks_files_do_not_run_beside_secrets(env, tmp_path, head, refused):
    pull = {"number": 7, "head": {"repo": {"full_name": head}}, "base": {"repo": {"full_name": "owner/repo"}}}
    (tmp_path / "event.json").write_text(json.dumps({"pull_request": pull}))
    forge = GitHub({**env, "GITHUB_EVENT_NAME": "pull_request_target"}, tmp_path)
    assert bool(forge.refusal()) is refused
    assert GitHub({**env, "GITHUB_EVENT_NAME": "pull_request"}, tmp_path).refusal() is None


@pytest.mark.parametrize(("head", "refused"), [("mallory/repo", True), (None, True), ("owner/repo", False)])
def test_a_workflow_that_another_one_started_runs_no_forks_files(env, tmp_path, head, refused):
    run = {"event": "pull_request", "head_repository": head and {"full_name": head}, "pull_requests": []}
    (tmp_path / "event.json").write_text(
        json.dumps({"workflow_run": run, "repository": {"full_name": "owner/repo"}})
    )
    said = GitHub({**env, "GITHUB_EVENT_NAME": "workflow_run"}, tmp_path).refusal()
    assert bool(said) is refused
    assert not refused or said.startswith("workflow_run may run a fork's files")


@pytest.mark.parametrize(("of", "refused"), [({"pull_request": {"url": "…"}}, True), ({}, False)])
def test_a_comment_starts_no_gate_on_a_pull_request_of_unknown_origin(env, tmp_path, of, refused):
    event = {"issue": {"number": 7, **of}, "comment": {"author_association": "MEMBER"}}
    (tmp_path / "event.json").write_text(json.dumps(event))
    said = GitHub({**env, "GITHUB_EVENT_NAME": "issue_comment"}, tmp_path).refusal()
    assert bool(said) is refused


@pytest.mark.parametrize("event", ["push", "schedule", "merge_group", "workflow_dispatch"])
def test_without_a_pull_request_the_summary_alone_is_written(server, env, tmp_path, event):
    (tmp_path / "event.json").write_text("{}")
    forge = GitHub({**env, "GITHUB_EVENT_NAME": event}, tmp_path)
    assert forge.refusal() is None
    assert forge.publish(check(), ()).notices == ()
    assert server.calls == []
    assert "GATE PASSES" in (tmp_path / "summary.md").read_text()


@pytest.mark.parametrize(
    ("pulls", "path"),
    [([(9, 1)], "/repos/owner/repo/issues/9/comments"), ([(9, 1), (10, 1)], None), ([(9, 2)], None), ([], None)],
)
def test_a_workflow_that_another_one_started_comments_on_its_one_pull_request(server, env, tmp_path, pulls, path):
    named = [{"number": number, "base": {"repo": {"id": repository}}} for number, repository in pulls]
    run = {"event": "pull_request", "pull_requests": named}
    (tmp_path / "event.json").write_text(json.dumps({"workflow_run": run, "repository": {"id": 1}}))
    assert GitHub({**env, "GITHUB_EVENT_NAME": "workflow_run"}, tmp_path).publish(check(), ()).notices == ()
    assert [call.path for call in server.written()] == ([path] if path else [])
