"""One reader a file format: bytes in, (line, values) out, streamed wherever the format allows it.

CSV cells are texts and an empty one stays "". JSON keeps its types; what is missing stays absent and null stays
null. What the columns mean, ids and duplicates, is decided in datasets.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NoReturn

from llmexp_tui.domain.text import one_line
from llmexp_tui.errors import DatasetError
from llmexp_tui.project.decoding import MAX_LINE, MAX_TOTAL, TextLines, unpacked
from llmexp_tui.project.jsontext import JsonTextError, parse_json, parse_json_at

FORMATS = ("csv", "tsv", "json", "jsonl", "parquet")
MAX_COLUMNS = 1_900
"""The store's database holds at most 2,000 columns a table; so many are a mistake anyway."""
MAX_WHOLE = 256 << 20
"""Bytes of a file that can only be read as a whole (.json, .parquet.gz); .jsonl and .csv are streamed."""
_PARQUET_BATCH = 512

Record = tuple[int, dict[str, Any]]
"""The line (the row's number for parquet), and the values by column."""


@dataclass(frozen=True, slots=True)
class Table:
    """A file being read. `columns` is None where only the rows tell (JSON); a record's number counts `unit`s."""

    columns: tuple[str, ...] | None
    records: Iterator[Record]
    unit: str = "line"


def open_table(file: io.BufferedReader, kind: str, shown: str, *, gzipped: bool = False) -> Table:
    """Starts reading. Raises DatasetError with file and line, now or while the records are read."""
    if kind == "parquet":
        return _parquet(file, shown, gzipped=gzipped)
    lines = TextLines(unpacked(file, shown, gzipped=gzipped), shown)
    if kind in ("csv", "tsv"):
        return _delimited(lines, "," if kind == "csv" else "\t", shown)
    return Table(None, _json_lines(lines, shown) if kind == "jsonl" else _json(lines, shown))


def refuse(shown: str, line: int | None, what: str, mend: str | None = None) -> NoReturn:
    """Raises DatasetError for a place in a file."""
    raise DatasetError(what, where=shown if line is None else f"{shown}:{line}", mend=mend)


def _delimited(lines: TextLines, delimiter: str, shown: str) -> Table:
    csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE))  # the module's own limit is 128 KB a cell
    reader = csv.reader(iter(lines), delimiter=delimiter, strict=True)
    header = next(_rows(reader, lines, shown), None)
    if header is None:
        refuse(shown, None, "the file is empty", "start it with a line of column names")
    names = _column_names(header[1], shown, header[0])
    return Table(names, _cells(reader, lines, names, shown))


def _rows(reader: Any, lines: TextLines, shown: str) -> Iterator[tuple[int, list[str]]]:
    """Every row that is not blank, with the line it starts on."""
    start = lines.line + 1
    try:
        for row in reader:
            lines.record_done()
            if row:
                yield start, row
            start = lines.line + 1
    except csv.Error as error:
        refuse(shown, start, f"not readable: {error}", "look for a quote that is not doubled or not closed")


def _column_names(header: list[str], shown: str, line: int) -> tuple[str, ...]:
    names = tuple(name or f"column_{place}" for place, name in enumerate(header, 1))
    if len(names) > MAX_COLUMNS:
        refuse(shown, line, f"{len(names)} columns, more than {MAX_COLUMNS}")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        refuse(shown, line, f'two columns are called "{one_line(twice, 60)}"', "rename one")
    return names


def _cells(reader: Any, lines: TextLines, names: tuple[str, ...], shown: str) -> Iterator[Record]:
    width = len(names)
    for line, row in _rows(reader, lines, shown):
        if len(row) != width:
            refuse(shown, line, f"{_count(len(row), 'cell')}, but the header has {width}", "mend or remove the row")
        yield line, dict(zip(names, row, strict=True))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _json_lines(lines: TextLines, shown: str) -> Iterator[Record]:
    for text in lines:
        lines.record_done()
        if not text.strip():
            continue
        try:
            value = parse_json(text)
        except JsonTextError as error:
            refuse(shown, lines.line, one_line(error.reason, 160))
        if not isinstance(value, dict):
            mend = "rename the file to .json" if text.lstrip().startswith("[") else "write one { … } a line"
            refuse(shown, lines.line, "a row is an object", mend)
        yield lines.line, value


def _json(lines: TextLines, shown: str) -> Iterator[Record]:
    """Items of one list, parsed one by one: beside the text only one row is held."""
    text = _whole_text(lines, shown)
    at = _skip_blank(text, 0)
    if text[at : at + 1] != "[":
        mend = "rename the file to .jsonl if it has one object a line"
        refuse(shown, text.count("\n", 0, at) + 1, "a .json dataset is a list of objects", mend)
    at, line, counted = _skip_blank(text, at + 1), 1, 0
    while text[at : at + 1] != "]":
        line += text.count("\n", counted, at)
        counted = at
        try:
            value, end = parse_json_at(text, at)
        except JsonTextError as error:
            bad = error.line if error.reason.startswith("not JSON") else line
            refuse(shown, bad, one_line(error.reason, 160))
        if not isinstance(value, dict):
            refuse(shown, line, "a row is an object", "write [{ … }, { … }]")
        yield line, value
        at = _skip_blank(text, end)
        if text[at : at + 1] == ",":
            at = _skip_blank(text, at + 1)
        elif text[at : at + 1] != "]":
            refuse(shown, text.count("\n", 0, at) + 1, "not JSON: a comma or ] is missing")
    if text[at + 1 :].strip():
        refuse(shown, text.count("\n", 0, at) + 1, "not JSON: more text after the list")


def _whole_text(lines: TextLines, shown: str) -> str:
    parts, size = [], 0
    for line in lines:
        lines.record_done()
        size += len(line)
        if size > MAX_WHOLE:
            refuse(shown, None, f"more than {MAX_WHOLE >> 20} MB of JSON", "save it as .jsonl, which is streamed")
        parts.append(line)
    return "".join(parts)


def _skip_blank(text: str, at: int) -> int:
    while text[at : at + 1] in (" ", "\t", "\n", "\r"):
        at += 1
    return at


def _parquet(file: io.BufferedReader, shown: str, *, gzipped: bool) -> Table:
    try:
        import pyarrow as arrow  # 45 ms and tens of MB: only where a parquet file is read
        from pyarrow import parquet
    except ImportError:
        refuse(shown, None, "parquet files need pyarrow", "install it with pip install 'llmexp-tui[parquet]'")
    source = io.BytesIO(_whole_bytes(file, shown)) if gzipped else file
    try:
        table = parquet.ParquetFile(source)
    except (arrow.ArrowException, OSError, ValueError) as error:
        refuse(shown, None, f"not a parquet file: {one_line(str(error), 120)}")
    if sum(table.metadata.row_group(i).total_byte_size for i in range(table.num_row_groups)) > MAX_TOTAL:
        refuse(shown, None, f"more than {MAX_TOTAL >> 30} GB when unpacked", "split the dataset")
    names = _column_names(list(table.schema_arrow.names), shown, 1)
    return Table(names, _parquet_rows(table, shown, arrow.ArrowException), "row")


def _whole_bytes(file: io.BufferedReader, shown: str) -> bytes:
    parts, size = [], 0
    for chunk in unpacked(file, shown, gzipped=True):
        size += len(chunk)
        if size > MAX_WHOLE:
            refuse(shown, None, f"more than {MAX_WHOLE >> 20} MB when unpacked", "drop the .gz: parquet is packed")
        parts.append(chunk)
    return b"".join(parts)


def _parquet_rows(table: Any, shown: str, arrow_error: type[Exception]) -> Iterator[Record]:
    number = 0
    try:
        for batch in table.iter_batches(batch_size=_PARQUET_BATCH):
            for values in batch.to_pylist():
                number += 1
                yield number, {name: _plain(value, shown, number) for name, value in values.items()}
    except (arrow_error, OSError) as error:
        refuse(shown, number + 1, f"not readable: {one_line(str(error), 120)}")


def _plain(value: Any, shown: str, row: int) -> Any:
    """A parquet value as JSON: times in ISO 8601, decimals as texts so that no digit is lost."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            refuse(shown, row, f"{value} is not a number JSON knows", "store null for a value that is not known")
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(item, shown, row) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, shown, row) for item in value]
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, (Decimal, timedelta)):
        return str(value)
    refuse(shown, row, f"a value of type {type(value).__name__} has no form in JSON", "store it as text")
