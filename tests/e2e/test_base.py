"""`--check --base REF` over real repositories: which two arms, under whose gates, what is said where neither is.

The program is called as a process, as a CI job calls it; the model is the loopback server, so that every call counts.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as xml

import pytest

from tests.cli.program import llmexp
from tests.fakes.model_server import ModelServer
from tests.fakes.projects import ENV, ProjectFolder, answering, arm_of, item_of
from tests.fakes.repository import Repository

ROWS = 60
COST_NOTE = "no gate looks at latency, cost, errors: shown as exploratory"


@dataclass
class Work:
    """A project in a repository: main holds it as it was, the branch `topic` is checked out."""

    server: ModelServer
    folder: ProjectFolder
    repository: Repository
    out: Path

    def check(self, *words: str, base: str = "main", trust: bool = True) -> Checked:
        """Calls `--check --base` in the project."""
        self.out.unlink(missing_ok=True)
        options = ["--check", "--base", base, "--report", self.out, *words]
        done = llmexp(*options, *(["--trust"] if trust else []), cwd=self.folder.root, env=ENV)
        report = json.loads(self.out.read_text()) if self.out.exists() else None
        return Checked(done.code, done.out, done.err, report)

    def prompt(self, text: str) -> None:
        """Writes the baseline's prompt into the work tree."""
        (self.folder.root / "long.md").write_text(text, "utf-8")

    def toml(self, old: str, new: str) -> None:
        """Changes the project file in the work tree."""
        path = self.folder.root / "llmexp.toml"
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")

    def arms(self) -> Counter[str]:
        """Calls by the first word of the prompt."""
        return Counter(arm_of(request) for request in self.server.requests)


@dataclass
class Checked:
    """How a check ended."""

    code: int
    out: str
    err: str
    report: Any

    @property
    def experiment(self) -> Any:
        (found,) = self.report["experiments"]
        return found


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(answering()) as running:
        yield running


@pytest.fixture
def make(server: ModelServer, tmp_path: Path) -> Callable[..., Work]:
    def work(where: str = ".", **project: Any) -> Work:
        top = tmp_path / "checkout"
        gates = [{"metric": "exact_match", "margin": 0.2}]
        folder = ProjectFolder(top / where, server, **{"rows": ROWS, "gates": gates, **project})
        repository = Repository(top)
        repository.begin()
        repository.branch("topic")
        return Work(server, folder, repository, tmp_path / "report.json")

    return work


@pytest.fixture
def work(make: Callable[..., Work]) -> Work:
    return make()


# -- the two arms ------------------------------------------------------------------------------------------------


def test_both_arms_run_in_one_job_row_by_row_and_go_by_their_names(work: Work) -> None:
    work.prompt("longer {{ text }}")
    before = work.repository.status()
    ended = work.check()
    assert ended.code == 0, ended.out + ended.err
    assert work.arms() == {"long": 2 * ROWS, "longer": ROWS}  # the base, its A/A copy, the work tree
    runs = ended.experiment["runs"]
    assert (runs["baseline"]["variant"], [c["variant"] for c in runs["candidates"]]) == ("long@main", ["long"])
    assert {m["candidate"] for m in ended.experiment["metrics"]} == {"long"}
    assert runs["baseline"]["attempted"] == runs["candidates"][0]["attempted"] == ROWS
    assert work.repository.status() == before
    first, last = ([item_of(r) for r in work.server.requests if arm_of(r) == arm] for arm in ("long", "longer"))
    assert set(first) == set(last) == set(range(ROWS))
    places = {item: [i for i, r in enumerate(work.server.requests) if item_of(r) == item] for item in range(ROWS)}
    assert max(max(p) - min(p) for p in places.values()) < ROWS, "a row's arms were called far from each other"


def test_a_worse_prompt_fails_and_a_check_again_calls_nothing(work: Work) -> None:
    work.server.answer = answering(lambda arm, item: arm == "longer" and item % 2 == 0)
    work.prompt("longer {{ text }}")
    junit, page = work.out.with_suffix(".xml"), work.out.with_suffix(".html")
    ended = work.check("--report", str(junit), "--report", str(page))
    assert ended.code == 1, ended.out + ended.err
    assert page.read_text().count('class="row"') == ROWS // 2, "each row that got worse, with both answers"
    rows = [case for case in xml.parse(junit).iter("testcase") if case.get("name", "").startswith("exact_match: ")]
    assert (len(rows), sum(case.find("failure") is not None for case in rows)) == (ROWS, ROWS // 2)
    called = work.server.count
    again = work.check()
    assert (again.code, work.server.count) == (1, called)
    assert again.experiment["metrics"] == ended.experiment["metrics"]


def test_the_base_is_where_the_branches_parted_and_not_where_main_is_now(work: Work) -> None:
    work.prompt("longer {{ text }}")
    work.repository.commit()
    work.repository.git("checkout", "-q", "main")
    work.prompt("later {{ text }}")
    work.repository.commit()
    work.repository.git("checkout", "-q", "topic")
    assert work.check().code == 0
    assert set(work.arms()) == {"long", "longer"}


def test_a_detached_head_and_a_dirty_tree_are_the_candidate_as_they_stand(work: Work) -> None:
    work.prompt("committed {{ text }}")
    work.repository.git("checkout", "-q", "--detach", work.repository.commit())
    work.prompt("staged {{ text }}")
    work.repository.git("add", "-A")
    work.prompt("dirty {{ text }}")
    before = work.repository.status()
    assert work.check().code == 0
    assert set(work.arms()) == {"long", "dirty"}
    assert work.repository.status() == before


def test_the_base_may_be_a_tag_a_commit_or_the_last_commit(work: Work) -> None:
    work.repository.git("tag", "-a", "v1", "-m", "one")
    work.prompt("longer {{ text }}")
    assert work.check(base="v1").experiment["runs"]["baseline"]["variant"] == "long@v1"
    for ref in (work.repository.git("rev-parse", "main"), "HEAD"):
        ended = work.check(base=ref)
        assert ended.experiment["runs"]["baseline"]["variant"] == f"long@{ref}"


def test_another_name_of_the_same_commit_is_no_other_promise(work: Work) -> None:
    work.prompt("longer {{ text }}")
    assert work.check().code == 0
    called = work.server.count
    ended = work.check(base="HEAD")
    assert ended.code == 0, ended.out + ended.err
    assert work.server.count == called
    assert ended.experiment["runs"]["baseline"]["variant"] == "long@HEAD"


@pytest.mark.parametrize("where", ["prompts/support", "a b/größe"])
def test_a_project_in_a_folder_of_its_repository(make: Callable[..., Work], where: str) -> None:
    work = make(where)
    (work.repository.root / "long.md").write_text("decoy {{ text }}")
    work.repository.commit()
    work.prompt("longer {{ text }}")
    assert work.check(base="HEAD").code == 0
    assert set(work.arms()) == {"long", "longer"}


def test_a_project_that_is_a_submodule_is_checked_by_its_own_refs(work: Work, tmp_path: Path) -> None:
    work.repository.git("checkout", "-q", "main")
    outer = Repository(tmp_path / "outer")
    outer.git("init", "-q", "-b", "main")
    outer.git("submodule", "--quiet", "add", f"file://{work.repository.root}", "prompts/inner")
    outer.commit()
    inner = outer.root / "prompts" / "inner"
    work.folder.root = inner
    work.prompt("longer {{ text }}")
    assert work.check(base="origin/main").code == 0
    assert set(work.arms()) == {"long", "longer"}
    refused = work.check(base="origin/gone")
    assert refused.code == 2
    assert "submodule" in refused.err


# -- what belongs to an arm --------------------------------------------------------------------------------------


def test_a_few_shot_file_belongs_to_the_prompt(make: Callable[..., Work]) -> None:
    head = '+++\nfew_shot = "examples.jsonl"\n+++\n'
    body = "{% for e in examples %}{{ e.name }} {% endfor %}{{ text }}"
    work = make(variants={"long": "x {{ text }}", "short": "short {{ text }}"})
    work.prompt(head + body)
    examples = work.folder.root / "examples.jsonl"
    examples.write_text('{"name": "one"}\n')
    work.repository.commit()
    examples.write_text('{"name": "two"}\n')
    assert work.check(base="HEAD").code == 0
    assert set(work.arms()) == {"one", "two"}


def test_a_schema_belongs_to_the_prompt(make: Callable[..., Work]) -> None:
    work = make()
    work.prompt('+++\noutput_schema = "answer.json"\n+++\nlong {{ text }}')
    schema = work.folder.root / "answer.json"
    schema.write_text('{"type": "string"}')
    work.repository.commit()
    schema.write_text('{"type": "string", "maxLength": 3}')
    ended = work.check(base="HEAD")
    assert ended.code == 0, ended.out + ended.err
    asked = Counter(json.dumps(r.body["response_format"]["json_schema"]["schema"]) for r in work.server.requests)
    assert sorted(asked.values()) == [ROWS, 2 * ROWS]


def test_a_prompt_renamed_on_one_side_is_the_same_prompt(work: Work) -> None:
    work.repository.git("mv", "long.md", "triage.md")
    work.toml('path = "long.md"', 'path = "triage.md"')
    work.toml("[prompts.long]", "[prompts.triage]")
    work.toml('prompt = "long"', 'prompt = "triage"')
    untouched = work.check()
    assert (untouched.code, work.server.count) == (0, 0), untouched.err
    (work.folder.root / "triage.md").write_text("longer {{ text }}")
    assert work.check().code == 0
    assert set(work.arms()) == {"long", "longer"}


def test_a_prompt_deleted_here_and_one_deleted_there(work: Work) -> None:
    (work.folder.root / "long.md").unlink()
    refused = work.check()
    assert (refused.code, refused.report) == (2, None)
    assert re.search(r"long\.md", refused.err)
    work.repository.commit()
    work.prompt("longer {{ text }}")
    refused = work.check(base="HEAD")
    assert refused.code == 2
    assert re.search(r"long\.md@[0-9a-f]{12}.*no such file at that commit", refused.err)
    assert work.server.count == 0


def test_a_baseline_variant_renamed_here(work: Work) -> None:
    work.toml("[experiments.tone.variants.long]", "[experiments.tone.variants.verbose]")
    work.toml('baseline = "long"', 'baseline = "verbose"')
    refused = work.check()
    assert refused.code == 2
    assert 'no variant "long" any more, which is its baseline at main' in refused.err


def test_another_baseline_here_does_not_choose_what_is_compared(work: Work) -> None:
    work.server.answer = answering(lambda arm, item: arm == "longer" and item % 2 == 0)
    work.toml('baseline = "long"', 'baseline = "short"')
    work.prompt("longer {{ text }}")
    ended = work.check()
    assert ended.code == 1
    assert any("the baseline differs from main" in note for note in ended.experiment["notes"])


def test_a_model_change_is_compared_where_the_axis_is_the_model(make: Callable[..., Work]) -> None:
    work = make()
    work.toml('axis = "prompt"', 'axis = "model"')
    work.repository.commit()
    work.toml('model = "openai/gpt-x"', 'model = "openai/gpt-z"')
    ended = work.check(base="HEAD")
    assert ended.code == 0, ended.out + ended.err
    assert Counter(r.body["model"] for r in work.server.requests) == {"gpt-x": 2 * ROWS, "gpt-z": ROWS}


def test_prompt_and_model_changed_together_are_refused_with_both(work: Work) -> None:
    work.prompt("longer {{ text }}")
    work.toml('model = "openai/gpt-x"', 'model = "openai/gpt-z"\ntemperature = 0.7')
    refused = work.check()
    assert (refused.code, work.server.count, refused.report) == (2, 0, None)
    for part in ("model.model ('openai/gpt-x' against 'openai/gpt-z')", "model.params.temperature", '"long@main"'):
        assert part in refused.err
    work.toml('axis = "prompt"', 'axis = "model"')
    assert "prompt.hash" in work.check().err


def test_rows_and_scorers_come_from_the_work_tree_for_both_arms(work: Work) -> None:
    work.prompt("longer {{ text }}")
    work.folder.write_rows(f"item {n}." for n in range(100, 150))
    work.toml('scorers = [\n    "exact_match",\n]', 'scorers = ["exact_match", "word_count"]')
    ended = work.check()
    assert ended.code == 0, ended.out + ended.err
    assert {item_of(r) for r in work.server.requests} == set(range(100, 150))
    assert ended.experiment["dataset"]["rows"] == 50
    assert "word_count" in {m["metric"] for m in ended.experiment["metrics"]}
    assert "items.csv differs from main; that of the work tree was used" in ended.experiment["notes"]


def test_a_scorers_file_and_a_datasets_meaning_that_changed_are_named(make: Callable[..., Work]) -> None:
    answer = {"type": "json_schema", "name": "answer", "schema": "answer.json"}
    work = make(scorers=[answer], gates=[{"metric": "answer", "margin": 0.2}])
    schema = work.folder.root / "answer.json"
    schema.write_text('{"type": "object"}')
    work.repository.commit()
    work.prompt("longer {{ text }}")
    assert work.check(base="HEAD").experiment["notes"] == [COST_NOTE]
    schema.write_text('{"type": "array"}')
    work.toml('path = "items.csv"', 'path = "items.csv"\ncluster = "text"')
    notes = work.check(base="HEAD").experiment["notes"]
    used = "differs from HEAD; that of the work tree was used"
    assert notes == [f"what the columns of the dataset mean {used}", f"answer.json {used}", COST_NOTE]


# -- whose gates -------------------------------------------------------------------------------------------------


def test_the_gate_of_the_base_judges_and_the_report_says_so(work: Work) -> None:
    work.server.answer = answering(lambda arm, item: arm == "longer" and item % 2 == 0)
    work.prompt("longer {{ text }}")
    work.toml("margin = 0.2", "margin = 0.9")
    ended = work.check("--report", str(work.out.with_suffix(".md")))
    assert ended.code == 1
    (gate,) = [m for m in ended.experiment["metrics"] if m["registered"]]
    assert gate["margin"] == 0.2
    note = "the gates differ from main; those of main were used"
    assert note in ended.experiment["notes"]
    assert note in ended.out
    assert note in work.out.with_suffix(".md").read_text()


def test_gates_that_were_removed_still_gate(work: Work) -> None:
    work.server.answer = answering(lambda arm, item: arm == "longer" and item % 2 == 0)
    work.folder.gates.clear()
    work.folder.write()
    work.prompt("longer {{ text }}")
    assert work.check().code == 1


def test_a_scorer_that_was_removed_still_scores_its_gate(work: Work) -> None:
    work.server.answer = answering(lambda arm, item: arm == "longer" and item % 2 == 0)
    work.folder.gates.clear()
    work.folder.scorers = ["word_count"]
    work.folder.write()
    work.prompt("longer {{ text }}")
    ended = work.check()
    assert ended.code == 1
    assert any("taken from it: exact_match" in note for note in ended.experiment["notes"])


def test_a_changed_scorer_judges_both_arms_and_the_report_says_so(make: Callable[..., Work]) -> None:
    work = make(scorers=[{"type": "contains", "name": "answer", "value": "yes"}], gates=[
        {"metric": "answer", "margin": 0.2}])  # fmt: skip
    work.toml('value = "yes"', 'value = "e"')
    work.prompt("longer {{ text }}")
    ended = work.check()
    assert 'the scorer "answer" differs from main; that of the work tree was used' in ended.experiment["notes"]


def test_a_loosened_plan_does_not_count(work: Work) -> None:
    work.prompt("longer {{ text }}")
    work.folder.plan = {"alpha": 0.2, "aa": "optional", "max_error_rate": 0.9}
    work.folder.write()
    work.prompt("longer {{ text }}")
    ended = work.check()
    assert "the plan differs from main; that of main was used" in ended.experiment["notes"]
    assert work.arms() == {"long": 2 * ROWS, "longer": ROWS}, "the A/A of main's plan was left out"


def test_a_price_that_was_lowered_is_not_the_candidates_own(make: Callable[..., Work]) -> None:
    price = {"input_cost_per_mtok": 1.0, "output_cost_per_mtok": 2.0}
    work = make(gates=[{"metric": "cost", "margin": "10%"}], model=price)
    work.toml("input_cost_per_mtok = 1.0", "input_cost_per_mtok = 0.1")
    work.prompt("longer {{ text }}" + " and on" * 40)
    ended = work.check()
    assert ended.code == 1, ended.out + ended.err
    assert 'the price of "openai/gpt-x" differs from main; that of main was used' in ended.experiment["notes"]


def test_a_price_that_was_not_known_at_the_base_is_that_of_both_arms(make: Callable[..., Work]) -> None:
    work = make(gates=[{"metric": "cost", "margin": "900%"}])
    work.toml("timeout_s = 20.0", "timeout_s = 20.0\ninput_cost_per_mtok = 1.0\noutput_cost_per_mtok = 2.0")
    work.prompt("longer {{ text }}")
    ended = work.check("--max-cost", "1")
    assert ended.code == 0, ended.out + ended.err
    (cost,) = [m for m in ended.experiment["metrics"] if m["metric"] == "cost"]
    assert cost["baseline"] is not None


def test_a_new_experiment_has_nothing_to_be_compared_with(work: Work) -> None:
    text = (work.folder.root / "llmexp.toml").read_text()
    table = text[text.index("[experiments.tone]") :]
    added = table.replace("experiments.tone", "experiments.fresh")
    (work.folder.root / "llmexp.toml").write_text(text + "\n" + added)
    ended = work.check()
    assert (ended.code, work.server.count) == (0, 0), ended.err
    assert {e["name"]: e["notes"][0] for e in ended.report["experiments"]} == {
        "tone": "nothing that matters changed since main",
        "fresh": "new since main: there is nothing to compare it with",
    }
    asked = work.check("-e", "fresh")
    assert asked.code == 2
    assert 'experiment "fresh" does not exist at main' in asked.err


def test_a_project_that_is_new_has_nothing_to_be_compared_with(make: Callable[..., Work]) -> None:
    work = make()
    work.repository.git("checkout", "-q", "--orphan", "empty")
    work.repository.git("rm", "-q", "--cached", "-r", ".")
    work.repository.git("commit", "-q", "--allow-empty", "-m", "nothing")
    work.repository.branch("other")
    ended = work.check(base="empty")
    assert (ended.code, work.server.count) == (0, 0), ended.err
    assert "new since empty" in ended.out


def test_an_experiment_with_gates_cannot_be_deleted_past_them(work: Work) -> None:
    text = (work.folder.root / "llmexp.toml").read_text()
    (work.folder.root / "llmexp.toml").write_text(text[: text.index("[experiments.tone]")])
    for words in ((), ("-e", "tone")):
        ended = work.check(*words)
        assert (ended.code, work.server.count) == (3, 0), ended.err
        assert ended.experiment["status"] == "invalid"
        assert "it has gates at main and is not in the project file any more" in ended.experiment["reasons"][0]


def test_an_experiment_without_gates_may_be_deleted(make: Callable[..., Work]) -> None:
    work = make(gates=[])
    text = (work.folder.root / "llmexp.toml").read_text()
    (work.folder.root / "llmexp.toml").write_text(text[: text.index("[experiments.tone]")])
    ended = work.check()
    assert ended.code == 2
    assert "no experiment has gates" in ended.err


def test_one_variant_is_enough_and_the_others_are_not_run(make: Callable[..., Work]) -> None:
    work = make(variants={"long": "long {{ text }}"})
    work.prompt("longer {{ text }}")
    assert work.check().code == 0
    assert work.arms() == {"long": 2 * ROWS, "longer": ROWS}


# -- nothing to do -----------------------------------------------------------------------------------------------


def test_nothing_that_matters_changed_is_a_pass_without_a_call(work: Work) -> None:
    (work.repository.root / "README").write_text("hello")
    work.toml("margin = 0.2", "margin = 0.5")
    work.repository.commit()
    ended = work.check()
    assert (ended.code, work.server.count, ended.report["status"]) == (0, 0, "pass")
    assert ended.experiment["notes"] == [
        "nothing that matters changed since main", "the gates differ from main; those of main were used"
    ]  # fmt: skip


def test_a_commit_that_is_compared_with_itself_says_so(work: Work) -> None:
    """A push to main, compared with origin/main: there is nothing to find, whatever was pushed."""
    work.prompt("longer {{ text }}")
    work.repository.commit()
    work.repository.branch("pushed")
    ended = work.check(base="pushed")
    assert (ended.code, work.server.count) == (0, 0)
    assert ended.experiment["notes"][1].startswith("HEAD is itself what was compared with")


def test_a_dataset_that_was_deleted_is_refused_though_no_prompt_changed(work: Work) -> None:
    (work.folder.root / "items.csv").unlink()
    assert "items.csv" in refused(work, "main")


def test_another_variant_that_changed_is_not_passed_over_in_silence(work: Work) -> None:
    (work.folder.root / "short.md").write_text("other {{ text }}")
    work.repository.commit()
    ended = work.check()
    assert (ended.code, work.server.count) == (0, 0), ended.err
    (untouched, told) = ended.experiment["notes"]
    assert untouched == "nothing that matters changed since main"
    assert told.startswith('only "long" is compared with main: "short" changed too')
    (work.folder.root / "short.md").unlink()
    work.prompt("longer {{ text }}")
    assert '"short" changed too' in " ".join(work.check().experiment["notes"])


def test_a_pinned_baseline_says_that_the_file_is_not_what_is_compared(work: Work) -> None:
    pinned = f'prompt = "long@git:{work.repository.git("rev-parse", "main")[:12]}"'
    work.toml('prompt = "long"', pinned)
    work.repository.commit()
    work.prompt("longer {{ text }}")
    ended = work.check(base="HEAD")
    assert (ended.code, work.server.count) == (0, 0), ended.err
    assert "pinned" in ended.experiment["notes"][-1]


# -- what cannot be answered -------------------------------------------------------------------------------------


def refused(work: Work, base: str) -> str:
    """The one line of a refusal: exit 2, nothing called, no report."""
    ended = work.check(base=base)
    assert (ended.code, work.server.count, ended.report) == (2, 0, None), ended.out
    assert ended.err.count("\n") == 1, ended.err
    assert "Traceback" not in ended.err
    return ended.err


def follow(repository: Repository, said: str, which: int = 0) -> None:
    """Runs the command that a refusal names."""
    repository.git(*re.findall(r"`git ([^`]*)`", said)[which].split())


@pytest.mark.parametrize(("ref", "which"), [("main", 0), ("origin/main", 0), ("v1", 1)])
def test_a_missing_ref_names_the_command_that_fetches_it(work: Work, tmp_path: Path, ref: str, which: int) -> None:
    work.repository.git("tag", "-a", "v1", "main", "-m", "one")
    work.prompt("longer {{ text }}")
    work.repository.commit()
    clone = work.repository.clone(tmp_path / "clone", "--single-branch", "--branch", "topic", "--no-tags")
    work.folder.root = clone.root
    said = refused(work, ref)
    assert f'no commit called "{ref}" here' in said
    follow(clone, said, which)
    assert work.check(base=ref).code == 0


@pytest.mark.parametrize("ref", ["main", "origin/main", "origin/topic"])
def test_a_shallow_clone_names_the_command_that_completes_it(work: Work, tmp_path: Path, ref: str) -> None:
    work.prompt("longer {{ text }}")
    work.repository.commit()
    work.repository.commit()
    work.repository.git("checkout", "-q", "main")
    work.repository.commit("main went on")
    clone = work.repository.clone(tmp_path / "clone", "--depth", "1", "--branch", "topic")
    work.folder.root = clone.root
    said = refused(work, ref)
    assert f'"{ref}"' in said
    assert "shallow" in said
    follow(clone, said)
    ended = work.check(base=ref)
    assert ended.code == 0, ended.err


def test_a_shallow_checkout_of_a_merge_as_a_forge_makes_it(work: Work, tmp_path: Path) -> None:
    work.prompt("longer {{ text }}")
    work.repository.commit()
    work.repository.git("checkout", "-q", "--detach", "main")
    work.repository.git("merge", "-q", "--no-ff", "-m", "merge", "topic")
    work.repository.git("update-ref", "refs/pull/7/merge", "HEAD")
    runner = Repository(tmp_path / "runner")
    runner.git("init", "-q", "-b", "main")
    runner.git("remote", "add", "origin", f"file://{work.repository.root}")
    runner.git("fetch", "-q", "--depth=1", "origin", "+refs/pull/7/merge:refs/remotes/pull/7/merge")
    runner.git("checkout", "-q", "refs/remotes/pull/7/merge")
    work.folder.root = runner.root
    follow(runner, refused(work, "origin/main"))
    assert work.check(base="origin/main").code == 0
    assert set(work.arms()) == {"long", "longer"}


def test_histories_that_share_nothing(work: Work) -> None:
    work.repository.git("checkout", "-q", "--orphan", "other")
    work.repository.commit()
    assert '"main" and HEAD share no commit' in refused(work, "main")


def test_a_folder_that_is_in_no_repository(work: Work, server: ModelServer, tmp_path: Path) -> None:
    work.folder = ProjectFolder(tmp_path / "plain", server)
    assert "the project is in no git repository" in refused(work, "main")


def test_a_change_cannot_bring_the_answers_that_it_is_judged_by(work: Work) -> None:
    work.prompt("longer {{ text }}")
    assert work.check("--cache", "answers.gz").code == 0
    called = work.server.count
    for path in (".llmexp/llmexp.db", "answers.gz"):
        work.repository.git("add", "-f", path)
        ended = work.check("--cache", "answers.gz")
        assert (ended.code, work.server.count) == (2, called), ended.out
        assert f"{path}: is part of the repository" in ended.err
        work.repository.git("rm", "-q", "--cached", path)
    assert work.check("--cache", "answers.gz").code == 0


@pytest.mark.parametrize("ref", ["--upload-pack=touch owned", "main:llmexp.toml", "$(touch owned)", ""])
def test_a_ref_that_is_none(work: Work, ref: str) -> None:
    assert "is no ref" in refused(work, ref)
    assert not list(work.repository.root.rglob("owned"))


def test_a_project_file_that_was_broken_at_the_base(work: Work) -> None:
    good = (work.folder.root / "llmexp.toml").read_text()
    work.toml("baseline =", "basline =")
    work.repository.commit()
    (work.folder.root / "llmexp.toml").write_text(good)
    said = refused(work, "HEAD")
    assert re.search(r"llmexp\.toml@[0-9a-f]{12}.*basline", said)


def test_a_power_that_only_the_base_has_is_asked_for(make: Callable[..., Work]) -> None:
    work = make()
    address = f'api_base = "{work.server.base_url}"\n'
    work.toml(address, "")
    ended = work.check(trust=False)
    assert (ended.code, work.server.count) == (2, 0)
    assert "not trusted" in ended.err
    assert "api_base" in ended.err
