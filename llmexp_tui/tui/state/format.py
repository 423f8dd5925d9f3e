"""Counts, times and hashes as people read them. Figures of a result are written by `reports.figures`. No colours."""

from __future__ import annotations

from datetime import UTC, datetime

from llmexp_tui.reports.figures import UNKNOWN, minus, number

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_YEAR = 365.25 * _DAY
_MONTH = _YEAR / 12


def count(value: int | None) -> str:
    """A whole number with thousands apart, as the reports write it."""
    return UNKNOWN if value is None else f"{value:,}"


def score(value: float | None) -> str:
    """A score: whole numbers without decimals."""
    if value is not None and value == int(value) and abs(value) < 1e9:
        return minus(str(int(value)))
    return number(value)


def milliseconds(value: float | None) -> str:
    """A duration of a call."""
    if value is None:
        return UNKNOWN
    if value >= 10_000:
        return f"{value / 1000:.0f} s"
    if value >= 1000:
        return f"{value / 1000:.1f} s"
    return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"


def duration(seconds: float | None) -> str:
    """A time to wait: 4 s, 3 min 20 s, 2 h 5 min."""
    if seconds is None:
        return UNKNOWN
    whole = max(0, round(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        minutes, rest = divmod(whole, _MINUTE)
        return f"{minutes} min {rest} s" if rest and minutes < 10 else f"{minutes} min"
    hours, rest = divmod(whole, _HOUR)
    return f"{hours} h {rest // _MINUTE} min" if rest >= _MINUTE else f"{hours} h"


def parse_time(stamp: str | None) -> datetime | None:
    """An RFC 3339 time as an aware datetime; None where it is absent or not a time."""
    if not stamp:
        return None
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def age(stamp: str | None, now: datetime) -> str:
    """How long ago, in one unit and at most six cells: now, 5 min, 3 h, 2 d, 9 mo, 3 y."""
    moment = parse_time(stamp)
    if moment is None:
        return UNKNOWN
    seconds = (now - moment).total_seconds()
    if seconds < 45:
        return "now"
    if seconds < 90 * _MINUTE:
        return f"{max(1, round(seconds / _MINUTE))} min"
    if seconds < 36 * _HOUR:
        return f"{round(seconds / _HOUR)} h"
    if seconds < 60 * _DAY:
        return f"{round(seconds / _DAY)} d"
    if seconds < 24 * _MONTH:
        return f"{round(seconds / _MONTH)} mo"
    return f"{round(seconds / _YEAR)} y"


def when(stamp: str | None) -> str:
    """A time in the reader's own zone, to the minute."""
    moment = parse_time(stamp)
    return UNKNOWN if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M")


def short_hash(digest: str | None) -> str:
    """The start of a hash, as people quote it."""
    return UNKNOWN if not digest else digest.removeprefix("sha256:")[:8]


def person(author: str) -> str:
    """Somebody's name without the address, where there is a name."""
    return author.partition("<")[0].strip() or author


def plural(quantity: int, noun: str, many: str | None = None) -> str:
    """`1 row`, `2 rows`."""
    return f"{count(quantity)} {noun if quantity == 1 else many or noun + 's'}"


def bar(done: int, total: int, cells: int) -> str:
    """A progress bar of exactly `cells` cells; full only when all is done."""
    if total <= 0 or cells <= 0:
        return "░" * max(cells, 0)
    filled = min(cells, cells * done // total)
    return "█" * filled + "░" * (cells - filled)
