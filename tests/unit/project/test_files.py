import os

import pytest

from llmexp_tui.errors import ConfigError
from llmexp_tui.project.files import MAX_BYTES, WorkTree, safe_relpath


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../x", "a/../../x", "C:/x", "c:\\x", "\\\\host\\x", "..\\x", "", " ", ".", "a/..", "a\0b", "/",
     "a/" * 200, "x" * 2000],
)  # fmt: skip
def test_a_path_that_leads_out_or_nowhere_is_refused(path):
    with pytest.raises(ConfigError):
        safe_relpath(path)


@pytest.mark.parametrize(("path", "normal"), [("a/b", "a/b"), ("./a//b", "a/b"), ("a/../b", "b"), ("a\\b", "a/b")])
def test_a_path_inside_gets_one_form(path, normal):
    assert safe_relpath(path) == normal


def test_a_link_out_of_the_tree_is_refused_and_a_link_inside_followed(tmp_path):
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (tmp_path / "secret").write_text("key")
    (root / "sub" / "real").write_text("hello")
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "folder").symlink_to(tmp_path)
    (root / "in").symlink_to("sub/real")
    (root / "loop").symlink_to("loop")
    tree = WorkTree(root)
    assert tree.read_text("in") == "hello"
    assert tree.exists("in")
    for path in ("out", "folder/secret", "loop"):
        assert not tree.exists(path)
        with pytest.raises(ConfigError):
            tree.read_bytes(path)


def test_a_link_swapped_in_after_the_check_is_not_followed(tmp_path):
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("secret")
    (root / "sub" / "file").write_text("mine")
    tree = WorkTree(root)
    checked = tree.path("sub/file").relative_to(root).parts
    (root / "sub" / "file").unlink()
    (root / "sub").rmdir()
    (root / "sub").symlink_to(tmp_path / "other")
    with pytest.raises(OSError):
        os.close(tree._open_beneath(checked))


def test_what_is_no_regular_file_is_refused_without_hanging(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for path in ("pipe", "folder"):
        with pytest.raises(ConfigError, match="not a regular file"):
            WorkTree(tmp_path).read_bytes(path)


def test_a_missing_file_names_the_nearest_one(tmp_path):
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "triage.md").write_text("x")
    with pytest.raises(ConfigError, match=r'prompts/triag\.md: no such file; did you mean "prompts/triage\.md"\?'):
        WorkTree(tmp_path).read_text("prompts/triag.md")


def test_text_hashes_alike_however_it_was_checked_out(tmp_path):
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfone\r\ntwo\r\n")
    (tmp_path / "b").write_bytes(b"one\ntwo\n")
    tree = WorkTree(tmp_path)
    assert tree.read_text("a") == tree.read_text("b") == "one\ntwo\n"


def test_a_byte_that_is_no_text_is_named_with_its_line(tmp_path):
    (tmp_path / "a").write_bytes(b"one\ntw\xff\n")
    with pytest.raises(ConfigError, match="a:2: byte 0xff is not UTF-8"):
        WorkTree(tmp_path).read_text("a")


def test_a_huge_file_is_refused(tmp_path):
    with open(tmp_path / "a", "wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(ConfigError, match="larger than 8 MB"):
        WorkTree(tmp_path).read_bytes("a")
