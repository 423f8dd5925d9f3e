"""Runs as lists, live bars and records show them. Counts come from stored cells; nothing is read here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from llmexp_tui.domain.run import SLOT_AA, RunRecord, RunTotals
from llmexp_tui.errors import RESUME_COMMAND, RESUME_MEND
from llmexp_tui.reports.figures import money
from llmexp_tui.tui.state.cells import Line, fit, line, width
from llmexp_tui.tui.state.format import age, bar, count, duration, person, plural, short_hash, when
from llmexp_tui.tui.state.paging import Column, TableRow
from llmexp_tui.tui.state.verdict import run_badge

ACTIVE = frozenset({"queued", "running"})
RESUMABLE = frozenset({"interrupted", "failed", "cancelled"})
RESUME_KEY = "R under Runs goes on from there"


@dataclass(frozen=True, slots=True)
class ArmLine:
    """One run with how far it is. `total` is how many cells it plans."""

    record: RunRecord
    totals: RunTotals
    total: int

    @property
    def name(self) -> str:
        """The variant, marked where the run is the A/A copy."""
        return f"{self.record.variant} (A/A)" if self.record.slot == SLOT_AA else self.record.variant

    @property
    def done(self) -> int:
        """Cells with an answer or a failure."""
        return self.totals.attempted


@dataclass(frozen=True, slots=True)
class GroupLine:
    """Runs started together. `rate` in calls a second over the last seconds, `eta_s` None while unknown.

    `alive` is False where the worker is gone though the runs are not finished. Without arms it is a command of a
    `kind` (run, aa, check, resume, judge) that waits for its worker, or is `begun`. `estimate` says in words how the
    change looks so far.
    """

    group: str
    experiment: str
    arms: tuple[ArmLine, ...]
    rate: float | None = None
    eta_s: float | None = None
    concurrency: int | None = None
    waiting: str = ""
    alive: bool = True
    kind: str = ""
    begun: bool = False
    estimate: str = ""

    @property
    def status(self) -> str:
        """The state of the group: what still goes on wins, then what went wrong."""
        if not self.arms:
            return "running" if self.begun else "queued"
        states = {str(arm.record.status) for arm in self.arms}
        if states & ACTIVE:
            if not self.alive:
                return "interrupted"
            return "running" if "running" in states else "queued"
        for state in ("failed", "interrupted", "cancelled", "stopped_early"):
            if state in states:
                return state
        return "complete"

    @property
    def active(self) -> bool:
        """True while somebody works on it or will."""
        return self.status in ACTIVE

    @property
    def scoring(self) -> bool:
        """True where every answer is in and what goes on is judges and scores."""
        return self.status == "running" and 0 < self.total <= self.done

    @property
    def far(self) -> str:
        """How far it is, in words."""
        if not self.arms:
            return f"{self.kind} {'goes on' if self.begun else 'waits for the worker'}"
        return f"{count(self.done)} of {count(self.total)}{', scoring' if self.scoring else ''}"

    @property
    def done(self) -> int:
        """Cells done over all arms."""
        return sum(arm.done for arm in self.arms)

    @property
    def total(self) -> int:
        """Cells planned over all arms."""
        return sum(arm.total for arm in self.arms)

    @property
    def errors(self) -> int:
        """Failed calls over all arms."""
        return sum(arm.totals.errored for arm in self.arms)

    @property
    def cost(self) -> float | None:
        """USD over all arms; None where no arm's cost is known."""
        known = [arm.totals.cost_usd for arm in self.arms if arm.totals.cost_usd is not None]
        return sum(known) if known else None


COLUMNS = (
    Column("state", "State", 15),
    Column("experiment", "Experiment"),
    Column("arms", "Variants", drop_below=50),
    Column("done", "Done", 11, "right"),
    Column("errors", "Err", 4, "right", drop_below=60),
    Column("cost", "Cost", 9, "right", drop_below=70),
    Column("who", "Who", 16, drop_below=110),
    Column("age", "Age", 6, "right", drop_below=44),
)


def table_rows(groups: Sequence[GroupLine], now: datetime) -> list[TableRow]:
    """A row for each group, in the given order."""
    return [
        TableRow(
            group.group,
            (
                run_badge(group.status).spans,
                line(group.experiment),
                line((", ".join(arm.name for arm in group.arms) or group.kind, "muted")),
                line(f"{count(group.done)}/{count(group.total)}" if group.arms else ""),
                line((str(group.errors), "bad" if group.errors else "muted")),
                line(money(group.cost)),
                line((person(group.arms[0].record.who) if group.arms else "", "muted")),
                line((age(group.arms[0].record.created_at, now) if group.arms else "", "muted")),
            ),
        )
        for group in groups
    ]


def progress_title(group: GroupLine) -> Line:
    """Whose run, where it stands, and how long it will still take."""
    left = ""
    if group.scoring:
        left = ", every answer is in: scoring"
    elif group.status == "running" and group.eta_s is not None:
        left = f", {duration(group.eta_s)} left"
    return line((group.experiment, "strong"), (f"  {group.status}{left}", "muted"))


def progress_lines(group: GroupLine, cells: int) -> list[Line]:
    """A bar for each arm, then one line of rate, cost and errors, in `cells` cells."""
    if not group.arms:
        return [line((group.far, "muted"))]
    names = max(width(line(arm.name)) for arm in group.arms)
    names = min(names, max(8, cells // 3))
    lines: list[Line] = []
    for arm in group.arms:
        figures = f" {count(arm.done)}/{count(arm.total)}"
        room = max(4, cells - names - 1 - len(figures))
        tone = "bad" if arm.totals.errored and arm.totals.errored == arm.done else "info"
        done = line(" ", (bar(arm.done, arm.total, room), tone), figures)
        lines.append((*fit(line(arm.name), names), *done))
    lines.append(_pace(group))
    if group.estimate:
        lines.append(line((group.estimate, "info")))
    return lines


def _pace(group: GroupLine) -> Line:
    parts = [
        money(group.cost) if group.cost is not None else "cost unknown",
        (plural(group.errors, "error"), "bad") if group.errors else "no errors",
    ]
    if group.status == "running" and group.rate is not None and not group.scoring:
        parts.insert(0, f"{group.rate:.0f} calls/s" if group.rate >= 10 else f"{group.rate:.1f} calls/s")
        if group.concurrency:
            parts.append(f"{group.concurrency} at a time")
    if group.waiting:
        parts.append((group.waiting, "warn"))
    if not group.active and group.status != "complete":
        parts.append((run_badge(group.status).word, run_badge(group.status).tone))
    spans: list[str | tuple[str, str]] = []
    for part in parts:
        if spans:
            spans.append((" · ", "muted"))
        spans.append(part if isinstance(part, tuple) else (part, "muted"))
    return line(*spans)


def why_stopped(record: RunRecord) -> str:
    """Why a run ended, with the key that goes on with it here in place of the command line's word for it."""
    alone = (record.stop_reason or "").replace(f"; {RESUME_MEND}", f"; {RESUME_KEY}")
    return alone.replace(RESUME_COMMAND, "R under Runs")


def record_lines(arm: ArmLine) -> list[tuple[str, Line]]:
    """Everything a run's record says, as label and value."""
    record, totals = arm.record, arm.totals
    facts: list[tuple[str, Line]] = [
        ("run", line((record.id, "strong"), f"  group {record.group}")),
        ("state", (*run_badge(record.status).spans, *line((f"  {why_stopped(record)}", "muted")))),
        ("experiment", line(record.experiment)),
        ("variant", line(arm.name, (f"  {short_hash(record.variant_hash)}", "muted"))),
        (
            "dataset",
            line(
                record.dataset,
                (f"  {short_hash(record.dataset_hash)}", "muted"),
                f"  {plural(record.rows, 'row')}, {plural(record.repeats, 'repeat')}",
            ),
        ),
        (
            "answers",
            line(
                f"{count(totals.completed)} answered, {plural(totals.errored, 'error')}, "
                f"{count(totals.cached)} from the cache, {count(arm.total - arm.done)} missing"
            ),
        ),
        (
            "cost",
            line(
                money(totals.cost_usd),
                (f"  {plural(totals.unpriced, 'call')} without a known price", "warn") if totals.unpriced else "",
            ),
        ),
        ("tokens", line(count(totals.tokens))),
        ("registered", line(short_hash(record.registration))),
        ("seed", line(str(record.seed), "  fresh" if record.fresh else "")),
        ("started", line(when(record.started_at or record.created_at), f"  by {record.who} on {record.host}")),
        ("ended", line(when(record.ended_at))),
        ("commit", line(record.commit or "–", ("  with uncommitted changes", "warn") if record.dirty else "")),
        ("key", line(f"{record.key_name} ({record.key_fingerprint})" if record.key_name else "none used")),
    ]
    facts += [(name, line(str(value))) for name, value in record.environment.items() if not isinstance(value, dict)]
    facts.append(("repeat it", line((reproduce(record), "key"))))
    return facts


def reproduce(record: RunRecord) -> str:
    """The command that does the same again."""
    verb = "aa" if record.slot == SLOT_AA else "run"
    parts = ["llmexp-tui", verb, record.experiment, "--variant", record.variant, "--rows", str(record.rows)]
    if verb == "run":
        parts += ["--repeats", str(record.repeats)]
    parts += ["--seed", str(record.seed), "--fresh"]
    checkout = f"git checkout {record.commit[:12]} && " if record.commit and not record.dirty else ""
    return checkout + " ".join(parts)
