"""Rows of a file edited one by one: the rest of the file keeps its content, and a version comes of it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from llmexp_tui.errors import DatasetError, UsageError
from llmexp_tui.store import datasets, rows
from llmexp_tui.tui.reads.editing import add_row, replace_row
from llmexp_tui.workflows.session import Session
from tests.tui.build import open_fixed


def read(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_one_row_changes_and_a_version_says_so(session: Session, project: Path) -> None:
    before = read(project / "tickets.csv")
    values = {**before[3], "text": 'now "quoted",\nand on two lines'}
    version = replace_row("tickets", "t003", values, session)
    after = read(project / "tickets.csv")
    assert after[3]["text"] == 'now "quoted",\nand on two lines'
    assert [row for at, row in enumerate(after) if at != 3] == [row for at, row in enumerate(before) if at != 3]
    assert version.changelog == "row t003 edited" and version.tag == "1.2.0"
    parent = datasets.resolve_version(session.store, "tickets", version.parent)
    assert datasets.diff(session.store, parent.hash, version.hash).changed == ("t003",)


def test_what_somebody_else_made_of_a_row_is_not_written_over(session: Session, project: Path) -> None:
    shown = read(project / "tickets.csv")[3]
    replace_row("tickets", "t003", {**shown, "text": "theirs"}, session, shown=shown)
    with pytest.raises(DatasetError, match="has changed since") as caught:
        replace_row("tickets", "t003", {**shown, "text": "mine"}, session, shown=shown)
    assert "1.2.0" in caught.value.sentence and read(project / "tickets.csv")[3]["text"] == "theirs"
    replace_row("tickets", "t004", read(project / "tickets.csv")[4], session, shown=read(project / "tickets.csv")[4])


def test_a_row_is_added_once(session: Session, project: Path) -> None:
    values = {"id": "new", "text": "x", "label": "card", "channel": "email"}
    version = add_row("tickets", values, session)
    assert rows.row(session.store, version.hash, "new").values == values
    with pytest.raises(DatasetError, match="already"):
        add_row("tickets", values, session)
    assert len(read(project / "tickets.csv")) == 61


def test_what_cannot_be_written_leaves_the_file_alone(session: Session, project: Path) -> None:
    before = (project / "tickets.csv").read_bytes()
    with pytest.raises(DatasetError, match="no column"):
        replace_row("tickets", "t001", {"id": "t001", "txet": "x"}, session)
    with pytest.raises(DatasetError, match="no row"):
        replace_row("tickets", "nobody", {"id": "nobody"}, session)
    assert (project / "tickets.csv").read_bytes() == before
    assert not [path for path in project.iterdir() if path.name.startswith(".tickets")]


@pytest.mark.parametrize(
    ("identity", "why"), [({"id": "t002"}, "already"), ({"id": ""}, "has no"), ({}, "has no")], ids=str
)
def test_a_row_is_not_given_an_id_that_ruins_the_file(
    session: Session, project: Path, identity: dict[str, str], why: str
) -> None:
    before = (project / "tickets.csv").read_bytes()
    with pytest.raises(DatasetError, match=why):
        replace_row("tickets", "t001", {"text": "x", "label": "card", "channel": "email", **identity}, session)
    assert (project / "tickets.csv").read_bytes() == before


def test_json_lines_keep_untouched_lines_to_the_letter(project: Path) -> None:
    toml = project / "llmexp.toml"
    toml.write_text(toml.read_text().replace("tickets.csv", "tickets.jsonl"))
    lines = [json.dumps({"id": f"t{n}", "text": "é", "label": "card", "channel": "x", "n": n}) for n in range(5)]
    (project / "tickets.jsonl").write_text("\n".join(lines))
    with open_fixed(project) as session:
        replace_row("tickets", "t2", {"id": "t2", "text": "ü", "label": None, "channel": "x", "n": 2.5}, session)
    found = (project / "tickets.jsonl").read_text().splitlines()
    assert [found[at] for at in (0, 1, 3, 4)] == [lines[at] for at in (0, 1, 3, 4)]
    assert json.loads(found[2]) == {"id": "t2", "text": "ü", "label": None, "channel": "x", "n": 2.5}


def test_rows_without_an_id_are_not_edited(project: Path) -> None:
    toml = project / "llmexp.toml"
    toml.write_text(toml.read_text().replace('id = "id"\n', ""))
    with open_fixed(project) as session, pytest.raises(UsageError, match="no id"):
        add_row("tickets", {}, session)
