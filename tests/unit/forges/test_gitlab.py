"""GitLab CI: one sticky note and the metrics file."""

import pytest

from llmexp_tui.forges.gitlab import GitLab, open_metrics
from tests.unit.forges.forge_server import ForgeServer
from tests.unit.reports.build import check, experiment, hostile_check, metric


@pytest.fixture
def server():
    with ForgeServer(user={"id": 11}) as server:
        yield server


@pytest.fixture
def env(server, tmp_path):
    return {
        "GITLAB_CI": "true", "CI_API_V4_URL": f"{server.base}/api/v4", "CI_PROJECT_ID": "3", "GITLAB_TOKEN": "t0ken",
        "CI_MERGE_REQUEST_IID": "5", "CI_PROJECT_DIR": str(tmp_path), "CI_JOB_NAME": "prompts",
        "CI_JOB_URL": "https://gitlab.example/job/1",
    }  # fmt: skip


def test_a_note_is_posted_then_kept_up_to_date(server, env, tmp_path):
    assert GitLab(env, tmp_path).publish(check(), ()).notices == ()
    (call,) = server.written()
    assert (call.method, call.path) == ("POST", "/api/v4/projects/3/merge_requests/5/notes")
    assert call.headers["Private-Token"] == "t0ken"
    server.comments = [{"id": number, "author": {"id": 9}, "body": call.body["body"]} for number in range(4)]
    server.comments.append({"id": 44, "author": {"id": 11}, "body": call.body["body"]})
    server.calls.clear()
    GitLab(env, tmp_path).publish(check(), ())
    (call,) = server.written()
    assert (call.method, call.path) == ("PUT", "/api/v4/projects/3/merge_requests/5/notes/44")


def test_a_forks_pipeline_writes_to_the_project_that_it_asks_to_be_merged_into(server, env, tmp_path):
    GitLab({**env, "CI_MERGE_REQUEST_PROJECT_ID": "1"}, tmp_path).publish(check(), ())
    (call,) = server.written()
    assert call.path == "/api/v4/projects/1/merge_requests/5/notes"


def test_without_a_token_the_note_is_left_out_with_the_reason(server, env, tmp_path):
    del env["GITLAB_TOKEN"]
    (notice,) = GitLab(env, tmp_path).publish(check(), ()).notices
    assert "GITLAB_TOKEN" in notice
    assert server.calls == []
    assert (tmp_path / "metrics.txt").exists()


def test_a_refused_note_fails_nothing(server, env, tmp_path):
    server.refusals = [(401, {})]
    (notice,) = GitLab(env, tmp_path).publish(check(), ()).notices
    assert "401" in notice
    assert "t0ken" not in notice


def test_metrics_are_open_metrics_with_fixed_decimals(env, tmp_path):
    GitLab(env, tmp_path).publish(check(), ())
    lines = (tmp_path / "metrics.txt").read_text().split("\n")
    assert 'llmexp_delta{experiment="tone",candidate="short",metric="exact_match",statistic="mean"} 0.070000' in lines
    assert lines[-2:] == ["# EOF", ""]


@pytest.mark.parametrize("delta", [0.0, -0.0, -4e-7])
def test_no_change_is_told_as_no_change_and_not_as_another_one(delta):
    assert " 0.000000\n" in open_metrics(check(experiment(metrics=(metric(delta=delta),))))


def test_what_is_unknown_is_left_out():
    assert "llmexp_delta{" not in open_metrics(check(experiment(metrics=(metric(delta=None),))))


def test_labels_cannot_be_left():
    (line,) = [line for line in open_metrics(hostile_check()).split("\n") if line.startswith("llmexp_delta{")]
    assert line.endswith("0.070000")
    assert "\x1b" not in line
