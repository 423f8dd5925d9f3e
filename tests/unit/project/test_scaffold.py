import pytest

from llmexp_tui.errors import UsageError
from llmexp_tui.project.config import load_project
from llmexp_tui.project.datasets import columns_of, read_rows
from llmexp_tui.project.files import WorkTree
from llmexp_tui.project.prompts import compile_prompt, load_prompt
from llmexp_tui.project.scaffold import copy_sample, write_project
from llmexp_tui.project.trust import powers

FAMILY = {"exact_match", "latency", "cost", "errors"}


def check_whole(root):
    """Loads everything the project declares, as a run would."""
    files = WorkTree(root)
    project = load_project(files, root)
    assert powers(project, root) == ()
    for experiment in project.experiments.values():
        assert {gate.metric for gate in experiment.gates} == FAMILY
        source = project.datasets[experiment.dataset]
        rows = list(read_rows(root / source.path, source))
        for variant in experiment.variants.values():
            prompt = compile_prompt(load_prompt(files, variant.prompt, project.prompts[variant.prompt]))
            prompt.check(columns_of(root / source.path, source))
            assert all(prompt.render(row.values).messages for row in rows)
    return project


def test_a_first_project_runs_as_it_is(tmp_path):
    written = write_project(tmp_path / "new" / "project")
    assert {path.relative_to(tmp_path / "new" / "project").as_posix() for path in written} == {
        "llmexp.toml", "prompts/old.md", "prompts/new.md", "datasets/requests.csv"
    }  # fmt: skip
    check_whole(tmp_path / "new" / "project")


def test_the_sample_is_whole_and_says_where_its_rows_are_from(tmp_path):
    copy_sample(tmp_path / "demo")
    project = check_whole(tmp_path / "demo")
    source = project.datasets["messages"]
    rows = list(read_rows(tmp_path / "demo" / source.path, source))
    assert len(rows) == 400
    assert len({row.values["category"] for row in rows}) == 10
    attribution = (tmp_path / "demo" / "datasets" / "ATTRIBUTION").read_text()
    assert "Banking77, PolyAI, Casanueva et al. 2020, CC BY 4.0" in attribution


def test_the_samples_prompts_differ_as_the_experiments_say(tmp_path):
    copy_sample(tmp_path)
    files = WorkTree(tmp_path)
    project = load_project(files, tmp_path)
    texts = {}
    for name, path in project.prompts.items():
        prompt = compile_prompt(load_prompt(files, name, path))
        texts[name] = prompt.render({"text": "Where is my card?"}).messages[-1].content
    examples = {name: text.count("\nIntent: ") for name, text in texts.items()}
    assert examples == {"two": 20, "eight": 80, "reworded": 20}
    assert texts["reworded"].split() == texts["two"].split()


@pytest.mark.parametrize("make", [write_project, copy_sample])
def test_nothing_that_is_there_is_written_over(tmp_path, make):
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("x")
    make(tmp_path)
    before = (tmp_path / "llmexp.toml").read_bytes()
    with pytest.raises(UsageError, match="there is a project already"):
        make(tmp_path)
    assert (tmp_path / "llmexp.toml").read_bytes() == before
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="the folder is not empty"):
        make(tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.txt"]
    with pytest.raises(UsageError, match="there is a file of that name"):
        make(tmp_path / "full" / "thesis.txt")
    with pytest.raises(UsageError, match="cannot be used"):
        make(tmp_path / "full" / "thesis.txt" / "below")
