import codecs
import gzip
import json
import math
import os
import random
import re
import sys
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmexp_tui.domain.dataset import DatasetSource
from llmexp_tui.errors import DatasetError
from llmexp_tui.project import decoding
from llmexp_tui.project.datasets import columns_of, file_stamp, read_rows


def source_of(path, **roles):
    return DatasetSource("rows", path.name, **roles)


def put(path, content):
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def values(path, **roles):
    return [dict(row.values) for row in read_rows(path, source_of(path, **roles))]


def refused(path, **roles):
    with pytest.raises(DatasetError) as caught:
        list(read_rows(path, source_of(path, **roles)))
    return caught.value.sentence


ROWS = [{"id": "1", "text": "héllo\nworld"}, {"id": "2", "text": ""}]
CSV = 'id,text\n1,"héllo\nworld"\n2,\n'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", CSV),
        ("a.CSV", CSV),
        ("a.csv", codecs.BOM_UTF8 + CSV.encode()),
        ("a.csv", codecs.BOM_UTF16_LE + CSV.encode("utf-16-le")),
        ("a.csv", codecs.BOM_UTF16_BE + CSV.encode("utf-16-be")),
        ("a.csv", codecs.BOM_UTF32_LE + CSV.encode("utf-32-le")),
        ("a.csv", 'id,text\r\n1,"héllo\nworld"\r\n\r\n2,\r\n'),
        ("a.csv", CSV.rstrip("\n")),
        ("a.tsv", CSV.replace(",", "\t")),
        ("a.csv.gz", gzip.compress(CSV.encode())),
        ("a.jsonl", "\n".join(map(json.dumps, ROWS))),
        ("a.ndjson", "\n\n".join(map(json.dumps, ROWS)) + "\r\n"),
        ("a.json", json.dumps(ROWS)),
        ("a.json", json.dumps(ROWS, indent=2)),
        ("a.json.gz", gzip.compress(json.dumps(ROWS).encode())),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "bytes",
)
def test_every_format_gives_the_same_rows(tmp_path, name, content):
    path = put(tmp_path / name, content)
    assert values(path, id="id") == ROWS
    assert columns_of(path, source_of(path)) == ("id", "text")


def test_cells_are_text_and_json_keeps_its_types(tmp_path):
    assert values(put(tmp_path / "a.csv", "a,b,c\n1,null,NaN\n")) == [{"a": "1", "b": "null", "c": "NaN"}]
    rows = [{"a": 1, "b": None, "c": {"d": [True, 1.5]}}, {"a": 0, "e": ""}]
    path = put(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    assert values(path) == rows
    assert columns_of(path, source_of(path)) == ("a", "b", "c", "e")


def test_a_quoted_line_end_stays_what_it_is(tmp_path):
    assert values(put(tmp_path / "a.csv", 'a,b\r\n"x\r\ny","q""q"\r\n')) == [{"a": "x\r\ny", "b": 'q"q'}]


def test_a_cell_of_a_megabyte_is_read_in_every_format(tmp_path):
    big = "äx\n" * 350_000
    for path in (
        put(tmp_path / "a.csv", f'a\n"{big}"\n'),
        put(tmp_path / "a.jsonl", json.dumps({"a": big}) + "\n"),
        put(tmp_path / "a.json", json.dumps([{"a": big}])),
    ):
        assert values(path) == [{"a": big}]


def test_keys_are_ids_or_hashes_and_equal_rows_are_told_apart(tmp_path):
    path = put(tmp_path / "a.csv", "id,t\n7,x\n8,x\n")
    assert [row.key for row in read_rows(path, source_of(path, id="id"))] == ["7", "8"]
    path = put(tmp_path / "a.csv", "t\nx\ny\nx\nx\n")
    rows = list(read_rows(path, source_of(path)))
    assert len({row.hash for row in rows}) == 4
    assert [row.key for row in rows] == [row.hash[:16] for row in rows]
    path = put(tmp_path / "b.csv", "t\ny\nx\nx\nx\n")
    assert {row.hash for row in read_rows(path, source_of(path))} == {row.hash for row in rows}


def test_a_whole_number_is_an_id_and_its_key_is_text(tmp_path):
    path = put(tmp_path / "a.jsonl", '{"id": 7}\n{"id": "x"}\n')
    assert [row.key for row in read_rows(path, source_of(path, id="id"))] == ["7", "x"]


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("a.csv", "a,b\n1,2\n\n3\n", "a.csv:4: 1 cell, but the header has 2"),
        ("a.csv", 'a,b\n"1\n2",3\n4,5,6\n', "a.csv:4: 3 cells, but the header has 2"),
        ("a.csv", "a\n1\nx\xff".encode("latin-1"), "a.csv:3: byte 0xff is not UTF-8"),
        ("a.csv", codecs.BOM_UTF16_LE + "a\nb\n".encode("utf-16-le") + b"\x00\xd8x\x00", "a.csv:3: byte 0x00 is not"),
        ("a.csv", codecs.BOM_UTF16_LE + "a\nb".encode("utf-16-le") + b"x", "a.csv:2: byte"),
        ("a.csv", "a\nb\n".encode("utf-16-le"), "a.csv:1: a NUL character"),
        ("a.csv", 'a,b\n1,2\n"3,4\n', "a.csv:3: not readable: unexpected end of data"),
        ("a.csv", 'a,b\n"1"2,3\n', "a.csv:2: not readable"),
        ("a.csv", "a\rb\r", "a.csv:1: not readable"),
        ("a.csv", "a,b,a\n1,2,3\n", 'a.csv:1: two columns are called "a"'),
        ("a.csv", ",".join(f"c{i}" for i in range(2_000)), "a.csv:1: 2000 columns"),
        ("a.csv", "", "a.csv: the file is empty"),
        ("a.csv", "a,b\n", "a.csv: no rows"),
        ("a.jsonl", "\n", "a.jsonl: no rows"),
        ("a.json", "[]", "a.json: no rows"),
        ("a.jsonl", '{"a": 1}\n{"a": \n', "a.jsonl:2: not JSON"),
        ("a.jsonl", '{"a": 1}\n[1]\n', "a.jsonl:2: a row is an object; rename the file to .json"),
        ("a.jsonl", '{"a": 1}\n3\n', "a.jsonl:2: a row is an object; write one"),
        ("a.jsonl", '{"a": NaN}', "a.jsonl:1: NaN is not JSON"),
        ("a.jsonl", '{"a": -Infinity}', "a.jsonl:1: -Infinity is not JSON"),
        ("a.jsonl", '{"a": 1e999}', "a.jsonl:1: a value that JSON does not know"),
        ("a.jsonl", '{"a": 1}\n{"a": 1, "a": 2}', 'a.jsonl:2: the key "a" stands twice'),
        ("a.jsonl", '{"a": 1' + "1" * 5_000 + "}", "a.jsonl:1: Exceeds the limit"),
        ("a.jsonl", '{"a": ' + "[" * 100_000, "a.jsonl:1: nested more than 64 deep"),
        ("a.jsonl", '{"a": ' + "[" * 90 + "]" * 90 + "}", "a.jsonl:1: nested more than 64 deep"),
        ("a.json", '{"a": 1}', "a.json:1: a .json dataset is a list of objects"),
        ("a.json", '[{"a": 1},\n\n 3]', "a.json:3: a row is an object"),
        ("a.json", '[{"a": 1}\n{"a": 2}]', "a.json:2: not JSON: a comma or ] is missing"),
        ("a.json", '[{"a": 1},\n{"a": }]', "a.json:2: not JSON"),
        ("a.json", '[{"a": 1}\n', "a.json:2: not JSON"),
        ("a.json", '[{"a": 1}]\nx', "a.json:1: not JSON: more text"),
        ("a.csv.gz", b"no archive", "a.csv.gz: cannot be unpacked"),
        ("a.csv.gz", gzip.compress(CSV.encode())[:-9], "a.csv.gz: cannot be unpacked"),
        ("a.txt", "x", "a.txt: the ending names no format; use one of csv"),
        ("a.gz", "x", "a.gz: the ending names no format"),
        ("csv", "x", "csv: the ending names no format"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "bytes",
)
def test_a_wrong_file_names_its_line_and_the_reason(tmp_path, name, content, error):
    assert refused(put(tmp_path / name, content)).startswith(error)


@pytest.mark.parametrize(
    ("name", "content", "roles", "error"),
    [
        ("a.csv", "id,t\n1,x\n2,y\n1,z\n", {"id": "id"}, 'a.csv:4: the id "1" is already on line 2'),
        ("a.jsonl", '{"id": 1}\n\n{"id": "1"}\n', {"id": "id"}, 'a.jsonl:3: the id "1" is already on line 1'),
        ("a.csv", "id,t\n,x\n", {"id": "id"}, 'a.csv:2: the id "id" is empty'),
        ("a.jsonl", '{"id": 1}\n{"x": 1}\n', {"id": "id"}, 'a.jsonl:2: the id "id" is missing'),
        ("a.jsonl", '{"id": null}\n', {"id": "id"}, 'a.jsonl:1: the id "id" is empty'),
        ("a.jsonl", '{"id": 1.5}\n', {"id": "id"}, 'a.jsonl:1: the id "id" is neither'),
        ("a.jsonl", '{"id": true}\n', {"id": "id"}, 'a.jsonl:1: the id "id" is neither'),
        ("a.csv", "id,t\n1,x\n", {"id": "ID"}, 'a.csv:1: no column "ID", which id of dataset "rows" names; the'),
        ("a.csv", "label,t\n1,x\n", {"expected": "lable"},
         'a.csv:1: no column "lable", which expected of dataset "rows" names; did you mean "label"?'),
        ("a.jsonl", '{"label": 1}\n', {"cluster": "lable"}, 'a.jsonl:1: no column "lable", which cluster'),
        ("a.csv", "t\nx\n", {"slices": ("t", "u")}, 'a.csv:1: no column "u", which slices'),
        ("a.csv", "t\nx\n", {"split": "fold"}, 'a.csv:1: no column "fold", which split'),
    ],
)  # fmt: skip
def test_columns_that_the_project_names_must_be_there(tmp_path, name, content, roles, error):
    assert refused(put(tmp_path / name, content), **roles).startswith(error)


def test_an_optional_column_may_be_absent_from_some_json_rows(tmp_path):
    path = put(tmp_path / "a.jsonl", '{"a": 1}\n{"label": 1}\n')
    assert len(values(path, expected="label")) == 2


def test_a_missing_file_names_the_nearest_one(tmp_path):
    put(tmp_path / "tickets.csv", "a\n1\n")
    assert refused(tmp_path / "ticket.csv") == 'ticket.csv: no such file; did you mean "tickets.csv"?'


def test_a_link_out_of_the_project_is_refused(tmp_path):
    outside = put(tmp_path / "secret.csv", "a\nkey\n")
    root = tmp_path / "project"
    (root / "data").mkdir(parents=True)
    (root / "data" / "rows.csv").symlink_to(outside)
    source = DatasetSource("rows", "data/rows.csv")
    with pytest.raises(DatasetError, match="leads out of the project"):
        list(read_rows(root / "data" / "rows.csv", source))
    with pytest.raises(DatasetError, match="leads out of the project"):
        file_stamp(root / "data" / "rows.csv", source)
    os.unlink(root / "data" / "rows.csv")
    os.mkfifo(root / "data" / "rows.csv")
    with pytest.raises(DatasetError, match="not a regular file"):
        list(read_rows(root / "data" / "rows.csv", source))


@pytest.mark.parametrize(
    ("limit", "name", "content", "error"),
    [
        ("MAX_TOTAL", "a.csv.gz", gzip.compress(b"a\n" + b"x\n" * 500_000), "when unpacked"),
        ("MAX_LINE", "a.csv", "a\n" + "x" * 900_000, "a.csv:2: a line of more than"),
        ("MAX_LINE", "a.jsonl", '{"a": "' + "x" * 900_000, "a.jsonl:1: a line of more than"),
        ("MAX_RECORD", "a.csv", 'a,b\n1,"' + "x\n" * 500_000, "a record of more than"),
    ],
    ids=["packed", "csv line", "json line", "record"],
)
def test_a_bomb_is_refused_before_it_is_held(tmp_path, monkeypatch, limit, name, content, error):
    monkeypatch.setattr(decoding, limit, 500_000)
    assert error in refused(put(tmp_path / name, content))


def test_a_stamp_changes_with_the_content_and_with_what_columns_mean(tmp_path):
    path = put(tmp_path / "a.csv", "a,b\n1,2\n")
    first = file_stamp(path, source_of(path))
    os.utime(path, (1, 1))
    assert file_stamp(path, source_of(path)) == first
    assert file_stamp(path, source_of(path, id="a")) != first
    put(path, "a,b\n1,3\n")
    assert file_stamp(path, source_of(path)) != first


def test_rows_are_streamed(tmp_path):
    path = put(tmp_path / "a.csv", "a,b\n" + "1,2\n" * 200_000 + "3\n")
    rows = read_rows(path, source_of(path))
    assert next(rows).values == {"a": "1", "b": "2"}
    rows.close()


def test_parquet_keeps_types_and_times_become_texts(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    table = arrow.table(
        {"i": [1, None], "t": ["x", ""], "l": [["a"], []], "d": [date(2026, 1, 2), None],
         "n": [Decimal("1.50"), None],
         "w": [datetime(2026, 1, 2, 3, 4, tzinfo=UTC), None], "s": [{"k": 1.5}, None]}
    )  # fmt: skip
    parquet.write_table(table, path)
    expected = [
        {"i": 1, "t": "x", "l": ["a"], "d": "2026-01-02", "n": "1.50",
         "w": "2026-01-02T03:04:00+00:00", "s": {"k": 1.5}},
        {"i": None, "t": "", "l": [], "d": None, "n": None, "w": None, "s": None},
    ]
    assert values(path) == expected
    assert columns_of(path, source_of(path)) == ("i", "t", "l", "d", "n", "w", "s")
    packed = put(tmp_path / "b.parquet.gz", gzip.compress(path.read_bytes()))
    assert values(packed) == expected


def test_parquet_that_is_wrong_names_its_row(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    parquet.write_table(arrow.table({"x": [1.0, math.nan]}), path)
    assert refused(path).startswith("a.parquet:2: nan is not a number JSON knows")
    parquet.write_table(arrow.table({"x": [b"raw"]}), path)
    assert refused(path).startswith("a.parquet:1: a value of type bytes")
    parquet.write_table(arrow.table({"id": ["a", "a"]}), path)
    assert refused(path, id="id").startswith('a.parquet:2: the id "a" is already on row 1')
    data = path.read_bytes()
    assert refused(put(path, data[: len(data) // 2])).startswith("a.parquet: not a parquet file")
    assert refused(put(path, b"PAR1")).startswith("a.parquet: not a parquet file")


def test_parquet_without_the_extra_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = put(tmp_path / "a.parquet", b"PAR1")
    assert refused(path).endswith("install it with pip install 'llmexp-tui[parquet]'")


@given(name=st.sampled_from(["a.csv", "a.tsv", "a.json", "a.jsonl", "a.csv.gz", "a.parquet"]), data=st.data())
def test_whatever_the_bytes_only_dataset_errors_come_out(tmp_path_factory, name, data):
    pieces = st.sampled_from(
        [b"a,b\n", b'"', b"\n", b"\r", b",", b"\t", b"{", b"}", b"[", b"]", b'{"a": 1}', b"\xff\xfe", b"\xff", b"\0",
         b"\xef\xbb\xbf", b"1", b"x" * 50, "é".encode(), b"\x1f\x8b\x08", b"PAR1", b":", b"null", b"NaN"]
    )  # fmt: skip
    content = b"".join(data.draw(st.lists(pieces | st.binary(max_size=6), max_size=20)))
    path = put(tmp_path_factory.mktemp("fuzz") / name, content)
    try:
        list(read_rows(path, source_of(path, id=data.draw(st.sampled_from([None, "a"])))))
    except DatasetError as error:
        assert error.where
        assert error.where.startswith(name)


_CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(st.lists(st.lists(_CELLS, min_size=2, max_size=2), min_size=1, max_size=5))
def test_what_a_csv_writer_wrote_is_what_is_read(tmp_path_factory, cells):
    import csv

    path = tmp_path_factory.mktemp("csv") / "a.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(["x", "y"])
        writer.writerows(cells)
    assert values(path) == [{"x": x, "y": y} for x, y in cells]


def test_chunks_may_end_anywhere(tmp_path, monkeypatch):
    cells = ["é", "x\ny", "\U0001f600", '"']
    rows = [{"id": str(n), "text": random.Random(n).choice(cells) * (n % 5)} for n in range(40)]
    lines = ["id,text", *(f'{row["id"]},"{row["text"].replace(chr(34), chr(34) * 2)}"' for row in rows)]
    text = "\r\n".join(lines)
    for size in (1, 2, 3, 7, 64):
        monkeypatch.setattr(decoding, "_CHUNK", size)
        for content in (text.encode(), text.encode("utf-16"), codecs.BOM_UTF8 + text.encode()):
            assert values(put(tmp_path / "a.csv", content), id="id") == rows


def test_files_from_elsewhere_are_read(inputs):
    path = inputs / "bom-crlf.csv"
    assert columns_of(path, source_of(path))[0] == "trade_day"
    assert len(values(path)) == 3
    path = inputs / "gsm8k-200.jsonl"
    assert len(values(path)) == 200
    path = inputs / "banking77" / "test.csv"
    assert len(values(path, expected="category")) == 400
    path = inputs / "promptfoo-simple-csv" / "tests.csv"
    assert len(values(path)) == 4
    path = inputs / "deepeval-goldens.csv"
    assert len(values(path)) == 15
    path = inputs / "otlp-gen_ai-trace.json"
    assert re.match(r"otlp.*:1: a \.json dataset is a list", refused(path))
