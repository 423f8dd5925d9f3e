import sys

from llmexp_tui.project.identity import author, git_state, host, login, versions


def test_the_author_is_the_git_identity_else_the_login(tmp_path, run_git):
    assert author(tmp_path) == login()
    run_git(tmp_path, "init", "-q")
    assert author(tmp_path) == login()
    run_git(tmp_path, "config", "user.name", "Ada")
    assert author(tmp_path) == "Ada"
    run_git(tmp_path, "config", "user.email", "ada@example.org")
    assert author(tmp_path) == "Ada <ada@example.org>"


def test_an_author_cannot_act_on_a_terminal(tmp_path, run_git):
    run_git(tmp_path, "init", "-q")
    run_git(tmp_path, "config", "user.name", "A\x1b[31mda")
    assert author(tmp_path) == "A␛[31mda"


def test_the_state_of_the_tree(tmp_path, run_git):
    assert (git_state(tmp_path).commit, git_state(tmp_path).dirty) == (None, None)
    run_git(tmp_path, "init", "-q")
    assert git_state(tmp_path).commit is None
    (tmp_path / "sub").mkdir()
    (tmp_path / "a").write_text("1")
    (tmp_path / "sub" / "b").write_text("1")
    run_git(tmp_path, "add", ".")
    run_git(tmp_path, "commit", "-qm", "one")
    state = git_state(tmp_path)
    assert state.commit == run_git(tmp_path, "rev-parse", "HEAD")
    assert state.dirty is False
    (tmp_path / "a").write_text("2")
    assert git_state(tmp_path).dirty is True
    assert git_state(tmp_path / "sub").dirty is False
    (tmp_path / "sub" / "new").write_text("2")
    assert git_state(tmp_path / "sub").dirty is True


def test_the_store_does_not_make_a_tree_dirty(tmp_path, run_git):
    run_git(tmp_path, "init", "-q")
    run_git(tmp_path, "commit", "-qm", "one", "--allow-empty")
    (tmp_path / ".llmexp").mkdir()
    (tmp_path / ".llmexp" / "llmexp.db").write_text("x")
    assert git_state(tmp_path).dirty is False


def test_versions_are_known_without_importing_anything():
    before = "litellm" in sys.modules
    found = versions()
    assert found["python"].startswith("3.")
    assert {"llmexp-tui", "numpy", "sqlite"} <= set(found)
    assert ("litellm" in sys.modules) == before
    assert host()
