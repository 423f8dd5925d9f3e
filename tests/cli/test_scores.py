"""`compare --scores`: a table from anywhere gets the same verdicts, and a bad line is named."""

import gzip
import json

import pytest

from tests.cli.program import llmexp


def rows(worse=0):
    """200 rows on which B is like A but wrong on `worse` more; A2 is A with three rows flipped either way."""
    for number in range(200):
        a = number % 4 != 0
        b = a and number >= worse * 4 / 3
        a2 = not a if number in (3, 5, 8, 12, 16, 21) else a
        for variant, score in (("A", a), ("B", b), ("A2", a2)):
            yield {"row_id": f"r{number}", "variant": variant, "score": int(score)}


def csv_text(records):
    return "row_id,variant,score\n" + "".join(f"{r['row_id']},{r['variant']},{r['score']}\n" for r in records)


ARMS = ("--baseline", "A", "--candidate", "B", "--aa", "A2", "--margin", "0.05")


@pytest.mark.parametrize(("worse", "code", "status"), [(0, 0, "pass"), (60, 1, "fail"), (5, 3, "inconclusive")])
def test_exit_codes_are_those_of_check(tmp_path, worse, code, status):
    (tmp_path / "s.csv").write_text(csv_text(rows(worse)))
    ended = llmexp("compare", "--scores", "s.csv", *ARMS, "--format", "json", cwd=tmp_path)
    assert (ended.code, ended.json["status"]) == (code, status), ended.out
    (metric,) = ended.json["metrics"]
    assert (metric["candidate"], metric["metric"], metric["type"], metric["n_pairs"]) == ("B", "score", "binary", 200)
    assert metric["noise_floor_state"] == "measured"


def test_csv_and_jsonl_and_gzip_say_the_same(tmp_path):
    (tmp_path / "s.csv").write_text(csv_text(rows()))
    (tmp_path / "s.jsonl").write_text("".join(json.dumps(record) + "\n" for record in rows()))
    (tmp_path / "s.jsonl.gz").write_bytes(gzip.compress((tmp_path / "s.jsonl").read_bytes()))
    answers = [
        llmexp("compare", "--scores", name, *ARMS, "--format", "json", cwd=tmp_path).json
        for name in ("s.csv", "s.jsonl", "s.jsonl.gz")
    ]
    assert answers[0] == answers[1] == answers[2]


def test_table_and_markdown_show_the_verdict(tmp_path):
    (tmp_path / "s.csv").write_text(csv_text(rows(60)))
    table = llmexp("compare", "--scores", "s.csv", *ARMS, cwd=tmp_path)
    assert "✗ GATE FAILS" in table.out
    assert "✗ regressed" in table.out
    assert llmexp("compare", "--scores", "s.csv", *ARMS, "--format", "md", cwd=tmp_path).out.startswith(
        "### ✗ GATE FAILS"
    )


def test_several_metrics_are_told_apart_by_their_column(tmp_path):
    lines = ["row_id,variant,metric,score"]
    for number in range(100):
        for variant in ("A", "B"):
            lines += [f"{number},{variant},right,{number % 2}", f"{number},{variant},grade,{0.5 + number / 1000}"]
    (tmp_path / "s.csv").write_text("\n".join(lines))
    arms = ("--baseline", "A", "--candidate", "B", "--format", "json")
    both = llmexp("compare", "--scores", "s.csv", *arms, cwd=tmp_path).json["metrics"]
    assert [(metric["metric"], metric["type"]) for metric in both] == [("right", "binary"), ("grade", "bounded")]
    one = llmexp("compare", "--scores", "s.csv", *arms, "--metric", "grade", cwd=tmp_path).json["metrics"]
    assert [metric["metric"] for metric in one] == ["grade"]
    wrong = llmexp("compare", "--scores", "s.csv", *arms, "--metric", "grad", cwd=tmp_path)
    assert (wrong.code, 'did you mean "grade"?' in wrong.err) == (2, True)


def test_a_gates_own_rules_and_slices_can_be_asked_of_a_table(tmp_path):
    lines = ["row_id,variant,score,lang"]
    for number in range(200):
        for variant, score in (("A", number % 5), ("B", number % 5 + (number % 7 == 0 and number % 5 < 4))):
            lines.append(f"{number},{variant},{score}, {'en' if number % 2 else 'de'}")
    (tmp_path / "s.csv").write_text("\n".join(lines))

    def asked(*options):
        ended = llmexp("compare", "--scores", "s.csv", *ARMS[:4], "--format", "json", *options, cwd=tmp_path)
        return ended.json["metrics"] if ended.code in (0, 1, 3) else ended

    bounded = ("--range", "0,4", "--margin", "0.3")
    assert asked(*bounded)[0]["verdict"] == "improved"
    assert asked(*bounded, "--min-effect", "0.5")[0]["verdict"] == "no_regression"
    assert asked(*bounded, "--max-change", "0.5")[0]["reason"].startswith("a row moved by 1")
    assert asked(*bounded, "--strict")[0]["method"].endswith("+betting margin")
    (slow,) = asked("--limit", "3")
    assert (slow["type"], slow["statistic"], slow["threshold"], slow["baseline"]) == ("share", "share", 3.0, 0.2)
    found = asked(*bounded, "--slice", "lang=en", "--slice", "lang")
    assert [(m["slice"], m["registered"], m["n_pairs"]) for m in found] == [
        (None, True, 200), ("lang=en", True, 100), ("lang=de", False, 100), ("lang=en", False, 100),
    ]  # fmt: skip
    wrong = asked(*bounded, "--slice", "lag")
    assert (wrong.code, 'did you mean "lang"?' in wrong.err) == (2, True)


def test_a_failed_call_counts_as_the_worst_score(tmp_path):
    lines = ["row_id,variant,score,error"]
    for number in range(100):
        lines += [f"{number},A,1,", f"{number},B,,timeout" if number < 40 else f"{number},B,1,"]
    (tmp_path / "s.csv").write_text("\n".join(lines))
    ended = llmexp("compare", "--scores", "s.csv", "--baseline", "A", "--candidate", "B", "--type", "binary",
                   "--format", "json", cwd=tmp_path)  # fmt: skip
    assert ended.code == 1
    assert ended.json["metrics"][0]["candidate_value"] == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("s.csv", "row_id,variant,score\n1,A,1\n1,B,good\n", 's.csv:3: score "good" is not a number'),
        ("s.csv", "row,variant,score\n1,A,1\n", "s.csv:1: no column row_id"),
        ("s.csv", "row_id,variant,score\n,A,1\n", "s.csv:2: the row_id is empty"),
        ("s.csv", "row_id,variant,score\n1,A\n", "s.csv:2"),
        ("s.csv", "row_id,variant,score\n", "there is no score in it"),
        ("s.jsonl", '{"row_id": 1, "variant": "A", "score": 1}\n{"row_id": 1\n', "s.jsonl:2"),
        ("s.jsonl", '{"row_id": 1, "variant": "A"}\n', "s.jsonl:1: no score"),
        ("s.txt", "x", "s.txt: the ending names no format"),
    ],
)
def test_what_cannot_be_read_is_named_with_file_and_line(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    ended = llmexp("compare", "--scores", name, "--baseline", "A", "--candidate", "B", cwd=tmp_path)
    assert ended.code == 2
    assert said in ended.err
    assert ended.err.count("\n") == 1
