"""Fetches the pages that a table wants, in threads, and tells the table by message. It draws nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from textual.message import Message
from textual.widget import Widget
from textual.worker import get_current_worker

from llmexp_tui.errors import LlmexpError
from llmexp_tui.tui.state.paging import PAGE_ROWS, PageCache, PageSource, TableRow


class PageReader:
    """The pages of one table's source. A source whose rows are in memory is answered on the spot, without threads."""

    @dataclass
    class Sized(Message):
        """A source was opened: its rows, where the wanted key is, and the first page that is needed."""

        source: PageSource
        total: int
        place: int | None
        first: dict[int, Sequence[TableRow]]

    @dataclass
    class Paged(Message):
        """Pages have come."""

        generation: int
        pages: dict[int, Sequence[TableRow]]

    @dataclass
    class Broken(Message):
        """Rows could not be read."""

        error: LlmexpError

    def __init__(self, widget: Widget, source: PageSource | None) -> None:
        self.source = source
        self.cache = PageCache()
        self._widget = widget
        self._pending: set[int] = set()

    def open(self, source: PageSource, key: str | None, cursor: int) -> Sized | None:
        """Open another source: its size where the rows are in memory, else a Sized message follows.

        `key` is looked for, else the page of `cursor` is read.
        """
        self.source = source
        if source.immediate:
            return self.Sized(source, source.count(), source.locate(key) if key else None, {})
        job = partial(self._count, source, key, cursor // PAGE_ROWS)
        self._widget.run_worker(job, thread=True, group="count", exclusive=True)
        return None

    def take_size(self, message: Sized) -> bool:
        """Begin with the source of a Sized message; False where another source was opened since."""
        if message.source is not self.source:
            return False
        self.cache.reset(message.total)
        self._pending.clear()
        for number, rows in message.first.items():
            self.cache.put(number, rows)
        return True

    def take_pages(self, message: Paged) -> bool:
        """Keep pages; False where they are of an older source."""
        if message.generation != self.cache.generation:
            return False
        for number, rows in message.pages.items():
            self.cache.put(number, rows)
            self._pending.discard(number)
        return True

    def want(self, first: int, last: int, cursor: int) -> None:
        """Fetch what is missing of rows first … last and of the cursor's row."""
        missing = {*self.cache.missing(first, last), *self.cache.missing(cursor, cursor)} - self._pending
        if not missing or self.source is None:
            return
        if self.source.immediate:
            for number in missing:
                self.cache.put(number, self.source.page(number * PAGE_ROWS, PAGE_ROWS))
            return
        self._pending |= missing
        job = partial(self._fetch, self.source, self.cache.generation, sorted(missing))
        self._widget.run_worker(job, thread=True, group="pages")

    # ---- in threads

    def _count(self, source: PageSource, key: str | None, start: int) -> None:
        worker = get_current_worker()
        try:
            total = source.count()
            place = source.locate(key) if key else None
            number = start if place is None else place // PAGE_ROWS
            number = min(number, max(0, total - 1) // PAGE_ROWS)
            first = {number: source.page(number * PAGE_ROWS, PAGE_ROWS)} if total else {}
        except LlmexpError as error:
            if not worker.is_cancelled:
                self._widget.post_message(self.Broken(error))
            return
        if not worker.is_cancelled:
            self._widget.post_message(self.Sized(source, total, place, first))

    def _fetch(self, source: PageSource, generation: int, numbers: Sequence[int]) -> None:
        try:
            pages = {number: source.page(number * PAGE_ROWS, PAGE_ROWS) for number in numbers}
        except LlmexpError as error:
            self._widget.post_message(self.Broken(error))
            return
        self._widget.post_message(self.Paged(generation, pages))
