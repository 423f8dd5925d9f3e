import shutil

import pytest

from llmexp_tui.errors import GitError
from llmexp_tui.project.config import load_project
from llmexp_tui.project.git_ref import GitTree, merge_base, resolve_commit
from llmexp_tui.project.prompts import load_prompt


@pytest.fixture
def repo(project_dir, run_git):
    run_git(project_dir, "init", "-q", "-b", "main")
    run_git(project_dir, "add", ".")
    run_git(project_dir, "commit", "-qm", "one")
    return project_dir


def commit(run_git, repo, **files):
    for name, text in files.items():
        path = repo / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    run_git(repo, "add", "-A")
    run_git(repo, "commit", "-qm", "more", "--allow-empty")
    return run_git(repo, "rev-parse", "HEAD")


def test_files_are_as_at_the_commit_whatever_the_work_tree_holds(repo, run_git):
    first = run_git(repo, "rev-parse", "HEAD")
    commit(run_git, repo, prompts__triage_md="New: {{ text }}", prompts__new_md="x")
    (repo / "prompts" / "triage.md").write_text("dirty")
    tree = GitTree(repo, first)
    assert tree.read_text("prompts/triage.md") == "Sort this: {{ text }}\n"
    assert tree.exists("llmexp.toml")
    assert not tree.exists("prompts/new.md")
    project = load_project(tree, repo)
    assert load_prompt(tree, "triage", project.prompts["triage"]).text == "Sort this: {{ text }}\n"
    assert tree.describe("a/b") == f"a/b@{first[:12]}"
    assert run_git(repo, "status", "--porcelain") == "M prompts/triage.md"


def test_a_merge_base_of_branches_that_went_apart(repo, run_git):
    first = run_git(repo, "rev-parse", "HEAD")
    run_git(repo, "checkout", "-qb", "feature")
    commit(run_git, repo, prompts__triage_md="feature")
    run_git(repo, "checkout", "-q", "main")
    commit(run_git, repo, prompts__triage_md="main")
    run_git(repo, "checkout", "-q", "feature")
    assert merge_base(repo, "main") == first
    run_git(repo, "tag", "v1", "main")
    assert merge_base(repo, "v1") == first
    assert merge_base(repo, first[:10]) == first
    assert merge_base(repo, "HEAD") == run_git(repo, "rev-parse", "HEAD")


def test_a_project_below_the_top_of_its_repository(tmp_path, project_dir, run_git):
    top = tmp_path / "top"
    shutil.copytree(project_dir, top / "a b" / "project")
    run_git(tmp_path, "init", "-q", str(top))
    run_git(top, "add", ".")
    run_git(top, "commit", "-qm", "one")
    root = top / "a b" / "project"
    tree = GitTree(root, merge_base(root, "HEAD"))
    assert tree.read_text("prompts/triage.md").startswith("Sort")
    assert not tree.exists("project/prompts/triage.md")


def test_names_that_git_would_quote_are_found(repo, run_git):
    (repo / "prompts" / "größe\t1.md").write_text("x")
    head = commit(run_git, repo)
    assert GitTree(repo, head).read_text("prompts/größe\t1.md") == "x"


def test_no_such_ref_names_the_command_that_fetches_it(repo, run_git):
    with pytest.raises(GitError, match=r'no commit called "origin/main" here; run `git fetch origin main:refs'):
        merge_base(repo, "origin/main")
    with pytest.raises(GitError, match=r'no commit called "release"'):
        resolve_commit(repo, "release")
    run_git(repo, "remote", "add", "upstream", "../up")
    with pytest.raises(GitError, match=r"run `git fetch upstream dev/x:refs/remotes/upstream/dev/x`"):
        merge_base(repo, "upstream/dev/x")
    tree_hash = run_git(repo, "rev-parse", "HEAD^{tree}")
    with pytest.raises(GitError, match="no commit called"):
        resolve_commit(repo, tree_hash)


@pytest.mark.parametrize(
    "ref", ["", " ", "origin/", "-x", "--output=/tmp/x", "a b", "HEAD:llmexp.toml", "a\nb", "x" * 300, "a\x1bb"]
)
def test_what_could_be_an_option_or_a_path_is_no_ref(repo, ref):
    for ask in (merge_base, resolve_commit):
        with pytest.raises(GitError, match="is no ref"):
            ask(repo, ref)
    assert not (repo / "x").exists()


@pytest.mark.parametrize("ref", ["", "origin/"])
def test_a_ref_whose_variable_is_empty_says_so(repo, ref):
    with pytest.raises(GitError, match="is empty in this job"):
        merge_base(repo, ref)


def test_histories_without_a_common_commit(repo, run_git):
    run_git(repo, "checkout", "-q", "--orphan", "other")
    commit(run_git, repo)
    with pytest.raises(GitError, match='"main" and HEAD share no commit; run `git fetch origin main:main`'):
        merge_base(repo, "main")


def test_a_shallow_clone_names_the_command_that_completes_it(repo, run_git, tmp_path):
    commit(run_git, repo, prompts__triage_md="two")
    run_git(tmp_path, "clone", "-q", "--depth", "1", f"file://{repo}", "clone")
    for ref in ("origin/main", "HEAD", "missing"):
        with pytest.raises(GitError, match=r"shallow.*git fetch --unshallow origin"):
            merge_base(tmp_path / "clone", ref)


def test_no_repository_and_no_commit(project_dir, run_git):
    with pytest.raises(GitError, match="the project is in no git repository"):
        merge_base(project_dir, "main")
    run_git(project_dir, "init", "-q")
    with pytest.raises(GitError, match="HEAD has no commit yet"):
        merge_base(project_dir, "HEAD")  # what the hook asks for
    run_git(project_dir, "fetch", "-q", str(make_other(project_dir.parent, run_git)), "main:other")
    with pytest.raises(GitError, match="HEAD has no commit yet"):
        merge_base(project_dir, "other")


def make_other(folder, run_git):
    run_git(folder, "init", "-q", "-b", "main", "other")
    run_git(folder / "other", "commit", "-qm", "one", "--allow-empty")
    return folder / "other"


def test_a_file_that_was_not_there_is_a_link_or_lies_in_a_submodule(repo, run_git, tmp_path):
    other = make_other(tmp_path, run_git)
    run_git(repo, "submodule", "--quiet", "add", f"file://{other}", "shared")
    (repo / "prompts" / "link.md").symlink_to("triage.md")
    head = commit(run_git, repo)
    tree = GitTree(repo, head)
    for path, message in {
        "prompts/none.md": "no such file at that commit; it may be new or renamed since",
        "prompts/link.md": "is a symbolic link at that commit",
        "shared/x.md": 'lies in the submodule "shared", whose files are not part',
    }.items():
        assert not tree.exists(path)
        with pytest.raises(GitError, match=message) as caught:
            tree.read_text(path)
        assert caught.value.sentence.startswith(f"{path}@{head[:12]}")


def test_a_project_that_is_a_submodule_says_so(repo, run_git, tmp_path):
    outer = make_other(tmp_path, run_git)
    run_git(outer, "submodule", "--quiet", "add", f"file://{repo}", "inner")
    run_git(outer, "commit", "-qm", "two")
    assert merge_base(outer / "inner", "main") == run_git(repo, "rev-parse", "HEAD")
    with pytest.raises(GitError, match="lies in a submodule, so the ref must be one of the submodule's own"):
        merge_base(outer / "inner", "origin/none")


def test_a_large_file_is_refused(repo, run_git, monkeypatch):
    monkeypatch.setattr("llmexp_tui.project.git_ref.MAX_BYTES", 10)
    with pytest.raises(GitError, match="larger than"):
        GitTree(repo, run_git(repo, "rev-parse", "HEAD")).read_bytes("llmexp.toml")


def test_variables_that_a_hook_sets_do_not_mislead(repo, run_git, tmp_path, monkeypatch):
    other = make_other(tmp_path, run_git)
    head = run_git(repo, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / "x"))
    assert resolve_commit(repo, "HEAD") == head


def test_no_hook_or_helper_of_the_repository_runs(repo, run_git, tmp_path):
    mark = tmp_path / "ran"
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch {mark}\n")
    script.chmod(0o755)
    for key in ("core.fsmonitor", "core.pager", "diff.external", "core.sshCommand", "core.askPass"):
        run_git(repo, "config", key, str(script))
    from llmexp_tui.project.identity import git_state

    assert git_state(repo).dirty is False
    assert merge_base(repo, "main")
    assert not mark.exists()


def test_without_git_the_message_says_so(repo, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(GitError, match="git is not installed"):
        merge_base(repo, "main")
