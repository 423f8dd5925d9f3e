"""From a file's bytes to lines of text: gzip, byte order marks, bad bytes and bombs are dealt with here, in a stream.

Memory is bounded by one line, whatever the file's size. What the lines mean is the readers' business.
"""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from typing import NoReturn, Protocol

from llmexp_tui.errors import DatasetError

MAX_LINE = 16 << 20
MAX_RECORD = 64 << 20
"""Characters in one record; a quoted cell may span lines, so a record may be longer than a line."""
MAX_TOTAL = 8 << 30
"""Bytes after decompression: a small archive may hold petabytes."""
_CHUNK = 1 << 18
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class Readable(Protocol):
    """What a stream of bytes must do here."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, none at the end."""
        ...


def unpacked(file: io.BufferedReader, shown: str, *, gzipped: bool) -> Iterator[bytes]:
    """The content in chunks. Raises DatasetError for a broken archive and for more than MAX_TOTAL bytes."""
    total = 0
    source: Readable = gzip.GzipFile(fileobj=file) if gzipped else file
    while True:
        try:
            chunk = source.read(_CHUNK)
        except (OSError, EOFError, zlib.error) as error:
            raise DatasetError(f"cannot be unpacked: {error}", where=shown, mend="pack the file again") from None
        if not chunk:
            return
        total += len(chunk)
        if total > MAX_TOTAL:
            raise DatasetError(f"more than {MAX_TOTAL >> 30} GB when unpacked", where=shown, mend="split the dataset")
        yield chunk


class TextLines:
    """Iterates over the lines of a stream of bytes, each with its line end.

    UTF-8 unless a byte order mark says otherwise. `line` is the number of the line last given out;
    `record_done()` tells that a record is complete, which bounds what a reader may have gathered.
    Raises DatasetError with file and line for a byte that is no text, a NUL, a line or record beyond its limit.
    """

    def __init__(self, chunks: Iterator[bytes], shown: str) -> None:
        self._chunks = chunks
        self._shown = shown
        self._gathered = 0
        self.line = 0

    def record_done(self) -> None:
        """The lines given out so far belong to complete records."""
        self._gathered = 0

    def __iter__(self) -> Iterator[str]:
        rest = ""
        for text in self._texts():
            lines = (rest + text).split("\n")
            rest = lines.pop()
            for line in lines:
                self.line += 1
                self._gathered += len(line)
                if self._gathered > MAX_RECORD:
                    self._refuse(f"a record of more than {MAX_RECORD >> 20} MB", self.line, "look for a lone quote")
                yield line + "\n"
            if len(rest) > MAX_LINE:
                self._refuse(f"a line of more than {MAX_LINE >> 20} MB", self.line + 1)
        if rest:
            self.line += 1
            yield rest

    def _texts(self) -> Iterator[str]:
        """Decoded chunks; the line that a bad byte stands on is counted only when one is found."""
        start = next(self._chunks, b"")
        while 0 < len(start) < 4 and (more := next(self._chunks, b"")):
            start += more
        mark, encoding = next(((m, e) for m, e in _MARKS if start.startswith(m)), (b"", "utf-8"))
        decoder = codecs.getincrementaldecoder(encoding)("strict")
        lines_before = 0
        for chunk, final in self._ending(start[len(mark) :]):
            try:
                text = decoder.decode(chunk, final)
            except UnicodeDecodeError as error:
                good = error.object[: error.start].decode(encoding, "ignore")
                bad = error.object[error.start]
                self._refuse(
                    f"byte 0x{bad:02x} is not {encoding.upper()}", lines_before + good.count("\n") + 1,
                    "save the file as UTF-8",
                )  # fmt: skip
            if "\0" in text:
                line = lines_before + text.count("\n", 0, text.index("\0")) + 1
                self._refuse("a NUL character: this is no text, or UTF-16 without a byte order mark", line)
            lines_before += text.count("\n")
            yield text

    def _ending(self, start: bytes) -> Iterator[tuple[bytes, bool]]:
        yield start, False
        for chunk in self._chunks:
            yield chunk, False
        yield b"", True

    def _refuse(self, what: str, line: int, mend: str | None = None) -> NoReturn:
        raise DatasetError(what, where=f"{self._shown}:{line}", mend=mend)
