"""A slice written into a project file that somebody else wrote: their text stays, or nothing is written at all."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from llmexp_tui.errors import DatasetError, UsageError
from llmexp_tui.reports.record import DatasetReport
from llmexp_tui.tui.reads.marked import save_slice
from llmexp_tui.workflows.session import Session
from tests.tui.build import open_fixed

TICKETS = DatasetReport("tickets", "1.1.0", "", 60)
TABLE = '[datasets.tickets]\npath = "tickets.csv"\nid = "id"\nexpected = "label"\nslices = ["channel"]\n'


def rewritten(project: Path, table: str) -> str:
    """The project file with its dataset written in another way."""
    toml = project / "llmexp.toml"
    text = toml.read_text().replace(TABLE, table)
    assert table in text
    toml.write_bytes(text.encode())
    return text


@pytest.mark.parametrize(
    ("table", "wanted"),
    [
        ('[datasets.tickets] # mine\r\npath = "tickets.csv"\r\nid = "id"\r\nexpected = "label"\r\n', ["hard"]),
        ('[ datasets . "tickets" ]\nslices = [ ]\npath = "tickets.csv"\nid = "id"\nexpected = "label"\n', ["hard"]),
        (
            TABLE.replace('["channel"]', '[\n  "channel", # x\n]'),
            ["hard", "channel"],
        ),
    ],
)
def test_all_else_in_the_project_file_stays(project: Path, table: str, wanted: list[str]) -> None:
    before = rewritten(project, table)
    with open_fixed(project) as session:
        save_slice(TICKETS, ["t001"], "hard", session)
        assert list(session.project.datasets["tickets"].slices) == wanted
    after = (project / "llmexp.toml").read_bytes().decode()
    assert set(before.splitlines()) - set(after.splitlines()) <= {"slices = [ ]", "slices = ["}
    assert before.count("\r\n") == after.count("\r\n")


def test_what_cannot_be_written_without_doubt_is_not(project: Path) -> None:
    table = '[datasets]\ntickets = {path = "tickets.csv", id = "id", expected = "label"}\n'
    before = rewritten(project, table), (project / "tickets.csv").read_bytes()
    with open_fixed(project) as session, pytest.raises(UsageError, match="add a slice"):
        save_slice(TICKETS, ["t001"], "hard", session)
    assert before == ((project / "llmexp.toml").read_text(), (project / "tickets.csv").read_bytes())


def test_a_column_that_is_there_is_kept(session: Session, project: Path) -> None:
    with pytest.raises(DatasetError, match='column "label" already'):
        save_slice(TICKETS, ["t001"], "label", session)
    assert tomllib.loads((project / "llmexp.toml").read_text())["datasets"]["tickets"]["slices"] == ["channel"]
