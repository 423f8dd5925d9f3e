"""Reports as files: the ending decides, a file is whole or not there, and a bad path is said before anything runs."""

import json

import pytest

from llmexp_tui.errors import UsageError
from llmexp_tui.reports.files import require_writable, write_atomically, write_reports
from tests.unit.reports.build import check, hostile_check


@pytest.mark.parametrize(
    ("ending", "start"), [(".json", "{"), (".md", "## "), (".xml", "<?xml"), (".html", "<!doctype")]
)
def test_the_ending_decides_the_kind(tmp_path, ending, start):
    path = tmp_path / f"report{ending}"
    write_reports(check(), [path])
    assert path.read_text("utf-8").startswith(start)
    assert list(tmp_path.iterdir()) == [path]


def test_hostile_text_can_always_be_written(tmp_path):
    paths = [tmp_path / f"report{ending}" for ending in (".json", ".md", ".xml", ".html")]
    write_reports(hostile_check(), paths)
    assert all(path.stat().st_size > 500 for path in paths)
    json.loads(paths[0].read_text("ascii"))


def test_a_write_that_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "report.json"
    path.mkdir()
    with pytest.raises(OSError):
        write_atomically(path, "new")
    assert list(tmp_path.iterdir()) == [path]


def test_missing_folders_are_made(tmp_path):
    path = tmp_path / "a" / "b" / "report.json"
    require_writable([path])
    write_reports(check(), [path])
    assert path.exists()


def test_a_path_that_cannot_be_written_is_refused_beforehand(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="cannot write the report"):
        require_writable([tmp_path / "file" / "report.json"])
    with pytest.raises(UsageError, match="it is a folder"):
        require_writable([tmp_path])
