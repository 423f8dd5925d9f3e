from llmexp_tui.project.locate import find_project


def test_the_nearest_folder_upward_is_the_project(tmp_path):
    outer, inner = tmp_path / "a", tmp_path / "a" / "b" / "c"
    inner.mkdir(parents=True)
    (outer / "llmexp.toml").write_text("")
    assert find_project(inner) == outer.resolve()
    (inner / "llmexp.toml").write_text("")
    assert find_project(inner) == inner.resolve()
    assert find_project(inner / "llmexp.toml") == inner.resolve()


def test_a_folder_of_that_name_is_no_project(tmp_path):
    (tmp_path / "x" / "llmexp.toml").mkdir(parents=True)
    assert find_project(tmp_path / "x") is None
