"""The other commands on a real project: run, aa, resume, plan, the lists, demo and init."""

import json
import re

import pytest

from tests.cli.program import llmexp, project


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A project whose variants and A/A have been run."""
    folder = project(tmp_path_factory.mktemp("project"), rows=30, settings="temperature = 0.4")
    assert llmexp("run", "tone", cwd=folder).code == 0
    assert llmexp("aa", "tone", cwd=folder).code == 0
    return folder


def test_run_runs_the_variants_and_no_copy(folder):
    runs = llmexp("runs", "--json", cwd=folder).json
    first = [run for run in runs if run["group"] == runs[-1]["group"]]
    assert sorted((run["variant"], run["slot"]) for run in first) == [("long", "main"), ("short", "main")]
    assert all((run["attempted"], run["errored"], run["status"]) == (30, 0, "complete") for run in runs)


def test_aa_runs_one_variant_twice_and_stores_the_floor(folder):
    runs = llmexp("runs", "--json", cwd=folder).json
    newest = [run for run in runs if run["group"] == runs[0]["group"]]
    assert sorted((run["variant"], run["slot"]) for run in newest) == [("long", "aa"), ("long", "main")]
    assert all(run["cached"] == 0 for run in newest)


def test_aa_shows_the_floor_of_every_metric(folder):
    ended = llmexp("aa", "tone", "--variant", "short", "--rows", "12", cwd=folder)
    assert ended.code == 0, ended.err
    assert "NOISE FLOOR" in ended.out
    assert "exact_match" in ended.out
    assert "12/12" in ended.out


def test_run_takes_one_variant_rows_and_repeats(folder):
    ended = llmexp("run", "tone", "--variant", "short", "--rows", "5", "--repeats", "2", "--fresh", cwd=folder)
    assert ended.code == 0, ended.err
    newest = llmexp("runs", "list", "--json", "--limit", "1", cwd=folder).json[0]
    assert (newest["variant"], newest["attempted"], newest["rows"], newest["repeats"]) == ("short", 10, 5, 2)


def test_root_options_stand_before_or_after_the_command(folder, tmp_path):
    before = llmexp("-C", folder, "runs", "--json", cwd=tmp_path)
    after = llmexp("runs", "--json", f"--project={folder}", cwd=tmp_path)
    assert before.code == after.code == 0
    assert before.out == after.out


def test_a_run_can_be_shown_by_how_its_id_begins(folder):
    newest = llmexp("runs", "--json", cwd=folder).json[0]
    shown = llmexp("runs", "show", newest["id"][:16], "--json", cwd=folder)
    assert shown.json["id"] == newest["id"]
    assert newest["id"] in llmexp("runs", "show", newest["id"], cwd=folder).out


def test_two_runs_differ_by_their_variants_fields(folder):
    runs = {run["variant"]: run["id"] for run in llmexp("runs", "--json", cwd=folder).json}
    found = llmexp("runs", "diff", runs["long"], runs["short"], "--json", cwd=folder).json
    assert [difference["path"] for difference in found] == ["prompt.hash"]


def test_the_cache_is_listed_sized_and_pruned(tmp_path):
    folder = project(tmp_path, rows=6)
    assert llmexp("cache", "size", cwd=folder).out.startswith("0 answers")
    assert llmexp("run", "tone", cwd=folder).code == 0
    listed = llmexp("cache", "list", "--limit", "5", "--json", cwd=folder).json
    assert len(listed) == 5
    assert listed[0]["start"]
    assert llmexp("cache", cwd=folder).out.count("\n") == 13
    assert llmexp("cache", "size", "--json", cwd=folder).json["entries"] == 12
    assert llmexp("cache", "prune", cwd=folder).code == 2
    assert "0 answers forgotten" in llmexp("cache", "prune", "--older-than", "1", cwd=folder).out
    assert "12 answers forgotten" in llmexp("cache", "prune", "--keep", "0", cwd=folder).out
    assert llmexp("cache", "size", "--json", cwd=folder).json == {"entries": 0, "bytes": 0}
    newest = llmexp("runs", "--json", cwd=folder).json[0]
    assert newest["completed"] == 6
    assert llmexp("run", "tone", cwd=folder).code == 0
    assert llmexp("runs", "--json", cwd=folder).json[0]["cached"] == 0


def test_nothing_to_resume_is_said(folder):
    ended = llmexp("resume", cwd=folder)
    assert ended.code == 2
    assert "nothing to resume" in ended.err


def test_plan_says_calls_cost_and_what_can_be_seen(folder):
    ended = llmexp("plan", "tone", "--effect", "0.1", cwd=folder)
    assert ended.code == 0, ended.err
    for part in ("60 calls", "smallest effect", "an effect of 10.0 pts needs", "margin 5.0 pts"):
        assert part in ended.out


def test_datasets_are_listed_shown_compared_and_tagged(tmp_path):
    folder = project(tmp_path, rows=6)
    (first,) = llmexp("datasets", "--json", cwd=folder).json
    assert (first["name"], first["tag"], first["rows"]) == ("requests", "1.0.0", 6)
    path = folder / "requests.csv"
    path.write_text(path.read_text() + "one more,refund\n", "utf-8")
    assert [v["tag"] for v in llmexp("datasets", "list", "--json", cwd=folder).json] == ["1.1.0", "1.0.0"]
    difference = llmexp("datasets", "diff", "requests@1.0.0", "requests", "--json", cwd=folder).json
    assert [len(difference[side]) for side in ("added", "removed", "changed")] == [1, 0, 0]
    assert llmexp("datasets", "label", "requests", "2.0.0", cwd=folder).code == 0
    assert llmexp("datasets", "label", "requests@1.0.0", "2.0.0", cwd=folder).code == 2
    shown = llmexp("datasets", "show", "requests@2.0.0", "--rows", "7", cwd=folder)
    assert "one more" in shown.out


def test_a_broken_dataset_hides_no_other(tmp_path):
    folder = project(tmp_path, rows=6)
    (folder / "bad.csv").write_text("a,b\n1\n", "utf-8")
    toml = folder / "llmexp.toml"
    toml.write_text('[datasets.broken]\npath = "bad.csv"\n' + toml.read_text(), "utf-8")
    ended = llmexp("datasets", "--json", cwd=folder)
    assert ended.code == 2
    assert [version["name"] for version in ended.json] == ["requests"]
    assert "bad.csv:2" in ended.err


def test_prompts_are_listed_shown_compared_and_labelled(tmp_path):
    folder = project(tmp_path, rows=6)
    assert [v["name"] for v in llmexp("prompts", "--json", cwd=folder).json] == ["long", "short"]
    assert "Which team?" in llmexp("prompts", "show", "short", cwd=folder).out
    assert llmexp("prompts", "label", "short", "production", cwd=folder).code == 0
    path = folder / "short.md"
    path.write_text(path.read_text().replace("Which team?", "What team?"), "utf-8")
    difference = llmexp("prompts", "diff", "short@production", "short", cwd=folder).out
    assert "-Which team?" in difference
    assert "+What team?" in difference
    assert llmexp("prompts", "label", "short", "production", "--reason", "better", cwd=folder).code == 0
    assert "What team?" in llmexp("prompts", "show", "short@production", cwd=folder).out
    assert llmexp("prompts", "rollback", "short", "production", cwd=folder).code == 0
    assert "Which team?" in llmexp("prompts", "show", "short@production", cwd=folder).out
    assert llmexp("prompts", "rollback", "long", "production", cwd=folder).code == 2


def test_lists_of_a_new_project_say_what_belongs_there(tmp_path):
    folder = project(tmp_path, rows=6)
    assert "Nothing has been run yet" in llmexp("runs", cwd=folder).out
    assert llmexp("runs", "--json", cwd=folder).json == []


def test_the_sample_project_is_copied_checked_and_left_alone_after(tmp_path):
    first = llmexp("demo", "--check", "--report", "r.json", cwd=tmp_path)
    assert first.code == 0, first.out + first.err
    assert first.out.endswith("-C llmexp-demo\n")
    assert json.loads((tmp_path / "r.json").read_text())["status"] == "pass"
    again = llmexp("demo", "--check", cwd=tmp_path)
    assert again.code == 0
    assert "left as it is" in again.err
    assert "0 calls made" in again.out


def test_demo_overwrites_nothing(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("x")
    ended = llmexp("demo", "mine", "--check", cwd=tmp_path)
    assert ended.code == 2
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["file"]


def test_init_writes_a_project_that_runs_as_it_is(tmp_path):
    ended = llmexp("init", "new", cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert "llmexp.toml" in ended.out
    checked = llmexp("--check", "-C", "new", cwd=tmp_path)
    assert checked.code == 0, checked.out + checked.err
    again = llmexp("init", "new", cwd=tmp_path)
    assert again.code == 2


def test_doctor_finds_nothing_wrong_with_what_runs_and_names_what_is_missing(folder, tmp_path):
    well = llmexp("doctor", "--json", cwd=folder)
    assert (well.code, well.json["problems"]) == (0, [])
    ill = project(tmp_path, rows=6, model="openai/some-model")
    (ill / "short.md").write_text("{{ text", "utf-8")
    ended = llmexp("doctor", cwd=ill)
    assert ended.code == 2
    assert "models.demo: the variable OPENAI_API_KEY with the key is not set" in ended.err
    assert "short.md" in ended.err
    assert "key in OPENAI_API_KEY (not set)" in ended.out


def test_plan_learns_from_a_small_pilot_and_prices_what_an_effect_needs(tmp_path):
    folder = project(tmp_path, rows=30, settings="temperature = 0.4")
    before = llmexp("plan", "tone", "--effect", "0.1", cwd=folder).out
    assert "assumed: nothing is measured yet" in before
    assert llmexp("run", "tone", "--rows", "12", cwd=folder).code == 0
    after = llmexp("plan", "tone", "--effect", "0.1", "--power", "0.9", cwd=folder).out
    assert "noise from stored runs" in after and "nothing is measured" not in after
    assert "90% of the time" in after
    assert re.search(r"an effect of 10.0 pts needs [\d,]+ rows \(.*\)", after), after


def test_plan_counts_clusters_by_what_they_are_worth(tmp_path):
    """Forty-one clusters, one of which holds most of the rows: no verdict will come of them, and no row shows it."""
    folder = project(tmp_path, rows=120)
    table = folder / "requests.csv"
    head, *lines = table.read_text("utf-8").splitlines()
    customers = ["big" if number < 80 else f"c{number}" for number in range(len(lines))]
    rows = [f"{line},{customer}" for line, customer in zip(lines, customers, strict=True)]
    table.write_text("\n".join([f"{head},customer", *rows]) + "\n", "utf-8")
    settings = folder / "llmexp.toml"
    path = 'path = "requests.csv"'
    settings.write_text(settings.read_text("utf-8").replace(path, f'{path}\ncluster = "customer"'), "utf-8")
    planned = " ".join(llmexp("plan", "tone", cwd=folder).out.split())
    assert "2.2 independent clusters are too few for any verdict; 6 is the least" in planned
