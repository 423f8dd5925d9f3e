"""Whole answers, letter by letter. A file that is not there is written and the test fails once: look at it then."""

from pathlib import Path

import pytest

from tests.cli.program import llmexp

GOLDEN = Path(__file__).parent / "golden"
ARMS = ("--baseline", "A", "--candidate", "B", "--candidate", "C", "--aa", "A2", "--margin", "0.05")


def table():
    """Accuracy of four variants on 200 rows: B is right on ten more, C wrong on thirty more, A2 is A again."""
    lines = ["row_id,variant,score"]
    for row in range(200):
        a = row % 4 != 0
        answers = {
            "A": a,
            "B": a or row % 20 == 0,
            "C": a and row >= 40,
            "A2": a if row not in (3, 8, 13, 20) else not a,
        }
        for variant, right in answers.items():
            lines.append(f"r{row},{variant},{int(right)}")
    return "\n".join(lines) + "\n"


def same_as(name, text):
    path = GOLDEN / name
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
        pytest.fail(f"{path} was not there and is written now: look at it")
    assert text == path.read_text("utf-8")


@pytest.mark.parametrize(("style", "ending"), [("table", "txt"), ("md", "md")])
def test_a_table_of_scores(tmp_path, style, ending):
    (tmp_path / "scores.csv").write_text(table())
    ended = llmexp("compare", "--scores", "scores.csv", *ARMS, "--format", style, cwd=tmp_path)
    assert (ended.code, ended.err) == (1, "")
    same_as(f"scores.{ending}", ended.out)
