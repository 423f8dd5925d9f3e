"""The schema as SQLModel tables: what a new file gets, and what queries are written against.

Conventions. `no` is a table's own number (SQLite's rowid) and never leaves the store; content hashes and ids do.
Numbers are foreign keys; hashes are not, because a content address is true whether or not its content is here.
Times are RFC 3339 UTC text. Texts from outside come last in a row, so that reading figures does not read them.
A change here needs a step in `migrations`; a test compares the two.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, LargeBinary, MetaData, PrimaryKeyConstraint, Table, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from llmexp_tui.store.types import ExactText, JsonText


class StoreModel(SQLModel, registry=registry()):
    """Base of this store's tables: a metadata of their own, apart from any other SQLModel in the process.

    Rows go through Core, so the models' validators are built only where somebody asks for one.
    """

    model_config = {"defer_build": True}


METADATA: MetaData = StoreModel.metadata


def core(model: type[SQLModel]) -> Table:
    """The Core table of a model: bulk work and columns go through Core, not through objects."""
    table: Table = model.__table__  # type: ignore[attr-defined]
    return table


class DatasetTable(StoreModel, table=True):
    """A dataset's name."""

    __tablename__ = "dataset"
    no: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True, sa_type=ExactText)


class RowTable(StoreModel, table=True):
    """A row's content, once, however many versions hold it."""

    __tablename__ = "row"
    no: int | None = Field(default=None, primary_key=True)
    hash: bytes = Field(unique=True, sa_type=LargeBinary)
    key: str = Field(index=True, sa_type=ExactText)
    body: Any = Field(sa_type=JsonText)


class DatasetVersionTable(StoreModel, table=True):
    """One immutable version. `stamp` is what the file looked like when it was last found to hold this version."""

    __tablename__ = "dataset_version"
    __table_args__ = (
        Index("dataset_version_hash", "dataset_no", "hash", unique=True),
        Index("dataset_version_by_hash", "hash"),
    )
    no: int | None = Field(default=None, primary_key=True)
    dataset_no: int = Field(foreign_key="dataset.no")
    hash: str
    parent: str | None = None
    author: str = Field(sa_type=ExactText)
    created_at: str
    changelog: str = Field(sa_type=ExactText)
    rows: int
    column_names: Any = Field(sa_type=JsonText)
    stamp: str | None = Field(default=None, sa_type=ExactText)


class DatasetTagTable(StoreModel, table=True):
    """Append-only: a tag once given names its version for ever. A version goes by its newest tag."""

    __tablename__ = "dataset_tag"
    __table_args__ = (
        Index("dataset_tag_name", "dataset_no", "tag", unique=True),
        Index("dataset_tag_version", "version_no", "no"),
    )
    no: int | None = Field(default=None, primary_key=True)
    dataset_no: int = Field(foreign_key="dataset.no")
    version_no: int = Field(foreign_key="dataset_version.no")
    tag: str = Field(sa_type=ExactText)


class DatasetMemberTable(StoreModel, table=True):
    """Which rows a version holds, in its order."""

    __tablename__ = "dataset_member"
    __table_args__ = (
        PrimaryKeyConstraint("version_no", "position"),
        Index("dataset_member_row", "version_no", "row_no", unique=True),
        {"sqlite_with_rowid": False},
    )
    version_no: int = Field(primary_key=True, foreign_key="dataset_version.no")
    position: int = Field(primary_key=True)
    row_no: int = Field(foreign_key="row.no")


class PromptTable(StoreModel, table=True):
    """A prompt's name."""

    __tablename__ = "prompt"
    no: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True, sa_type=ExactText)


class PromptVersionTable(StoreModel, table=True):
    """One content that a prompt had."""

    __tablename__ = "prompt_version"
    __table_args__ = (Index("prompt_version_hash", "prompt_no", "hash", unique=True),)
    no: int | None = Field(default=None, primary_key=True)
    prompt_no: int = Field(foreign_key="prompt.no")
    hash: str = Field(index=True)
    path: str = Field(sa_type=ExactText)
    author: str = Field(sa_type=ExactText)
    created_at: str
    commit_hash: str | None = None
    dirty: bool | None = None
    text: str = Field(sa_type=ExactText)
    files: Any = Field(sa_type=JsonText)


class LabelMoveTable(StoreModel, table=True):
    """Append-only: every move of a label. The newest move is where it stands."""

    __tablename__ = "label_move"
    __table_args__ = (Index("label_move_label", "prompt_no", "label", "no"),)
    no: int | None = Field(default=None, primary_key=True)
    prompt_no: int = Field(foreign_key="prompt.no")
    label: str = Field(sa_type=ExactText)
    old_hash: str | None = None
    new_hash: str
    who: str = Field(sa_type=ExactText)
    at: str
    reason: str = Field(sa_type=ExactText)


class ExperimentTable(StoreModel, table=True):
    """An experiment's name."""

    __tablename__ = "experiment"
    no: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True, sa_type=ExactText)


class RegistrationTable(StoreModel, table=True):
    """What was promised before the first call, by its hash."""

    __tablename__ = "registration"
    no: int | None = Field(default=None, primary_key=True)
    hash: str = Field(unique=True)
    experiment_no: int = Field(foreign_key="experiment.no", index=True)
    rules: str
    who: str = Field(sa_type=ExactText)
    at: str
    body: Any = Field(sa_type=JsonText)


class VariantTable(StoreModel, table=True):
    """A variant's canonical record, by its hash."""

    __tablename__ = "variant"
    no: int | None = Field(default=None, primary_key=True)
    hash: str = Field(unique=True)
    body: Any = Field(sa_type=JsonText)


class ScorerTable(StoreModel, table=True):
    """A scorer's settings, by its fingerprint."""

    __tablename__ = "scorer"
    no: int | None = Field(default=None, primary_key=True)
    fingerprint: str = Field(unique=True, sa_type=ExactText)
    body: Any = Field(sa_type=JsonText)


class ProcessTable(StoreModel, table=True):
    """A process that runs or queues runs, and when it last showed that it lives."""

    __tablename__ = "process"
    __table_args__ = (Index("process_identity", "host", "boot", "pid", "started", unique=True),)
    no: int | None = Field(default=None, primary_key=True)
    host: str = Field(sa_type=ExactText)
    boot: str
    uid: int
    session: int
    pid: int
    started: str
    beat_at: str


class RunTable(StoreModel, table=True):
    """One variant over one dataset version. `process_no` is who is running it."""

    __tablename__ = "run"
    __table_args__ = (
        Index("run_experiment", "experiment_no", "no"),
        Index("run_status", "status", "no"),
        Index("run_variant", "variant_hash", "dataset_hash", "no"),
    )
    no: int | None = Field(default=None, primary_key=True)
    id: str = Field(unique=True)
    group_id: str = Field(index=True)
    experiment_no: int = Field(foreign_key="experiment.no")
    variant: str = Field(sa_type=ExactText)
    variant_hash: str
    slot: str
    dataset: str = Field(sa_type=ExactText)
    dataset_hash: str
    registration: str
    rules: str
    repeats: int
    rows: int
    seed: int
    status: str
    created_at: str
    started_at: str | None = None
    ended_at: str | None = None
    process_no: int | None = Field(default=None, foreign_key="process.no")
    who: str = Field(sa_type=ExactText)
    host: str = Field(sa_type=ExactText)
    commit_hash: str | None = None
    dirty: bool | None = None
    number: int
    fresh: bool
    key_name: str | None = Field(default=None, sa_type=ExactText)
    key_fingerprint: str | None = None
    environment: Any = Field(sa_type=JsonText)
    stop_reason: str | None = Field(default=None, sa_type=ExactText)


class CompletionTable(StoreModel, table=True):
    """One call's answer or failure. Never changed, but that pruning the cache clears `cache_key`."""

    __tablename__ = "completion"
    __table_args__ = (
        Index("completion_cache", "cache_key", "no", sqlite_where=text("cache_key IS NOT NULL")),
    )
    no: int | None = Field(default=None, primary_key=True)
    cache_key: bytes | None = Field(default=None, sa_type=LargeBinary)
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: float | None = None
    latency_ms: float | None = None
    ttft_ms: float | None = None
    attempts: int
    error_kind: str | None = None
    http_status: int | None = None
    billed: str | None = None
    rules: str
    created_at: str
    rendered_hash: bytes | None = Field(default=None, sa_type=LargeBinary)
    finish_reason: str | None = Field(default=None, sa_type=ExactText)
    model_returned: str | None = Field(default=None, sa_type=ExactText)
    response_id: str | None = Field(default=None, sa_type=ExactText)
    error: str | None = Field(default=None, sa_type=ExactText)
    tool_calls: Any = Field(default=None, sa_type=JsonText, nullable=True)
    text: str | None = Field(default=None, sa_type=ExactText)


class OutputTable(StoreModel, table=True):
    """One cell of a run: which completion answers it. A cached cell points at another run's completion.

    The figures repeat what the completion says (it never changes): progress and statistics then read 40 bytes a
    cell in one range of one tree, and no text.
    """

    __tablename__ = "output"
    __table_args__ = (
        PrimaryKeyConstraint("run_no", "row_no", "repeat"),
        {"sqlite_with_rowid": False},
    )
    run_no: int = Field(primary_key=True, foreign_key="run.no")
    row_no: int = Field(primary_key=True, foreign_key="row.no")
    repeat: int = Field(primary_key=True)
    completion_no: int = Field(foreign_key="completion.no")
    cached: bool
    failed: bool
    tokens: int | None = None
    cost_usd: float | None = None
    latency_ms: float | None = None
    ttft_ms: float | None = None


class ScoreTable(StoreModel, table=True):
    """One score of one output by one scorer; `by` tells several judgements apart (empty: the scorer itself)."""

    __tablename__ = "score"
    __table_args__ = (
        PrimaryKeyConstraint("run_no", "scorer_no", "row_no", "repeat", "by"),
        ForeignKeyConstraint(["run_no", "row_no", "repeat"], ["output.run_no", "output.row_no", "output.repeat"]),
        {"sqlite_with_rowid": False},
    )
    run_no: int = Field(primary_key=True)
    scorer_no: int = Field(primary_key=True, foreign_key="scorer.no")
    row_no: int = Field(primary_key=True)
    repeat: int = Field(primary_key=True)
    by: str = Field(primary_key=True, sa_type=ExactText)
    value: float | None = None
    raw: float | None = None
    cost_usd: float | None = None
    at: str
    label: str | None = Field(default=None, sa_type=ExactText)
    error: str | None = Field(default=None, sa_type=ExactText)
    reason: str | None = Field(default=None, sa_type=ExactText)
    model_returned: str | None = Field(default=None, sa_type=ExactText)


class FloorTable(StoreModel, table=True):
    """A measured noise floor with everything that defines it."""

    __tablename__ = "floor"
    __table_args__ = (
        Index("floor_key", "variant_hash", "dataset_hash", "scorer", "metric", "statistic", "no"),
    )
    no: int | None = Field(default=None, primary_key=True)
    variant_hash: str
    dataset_hash: str
    scorer: str = Field(sa_type=ExactText)
    model: str = Field(sa_type=ExactText)
    metric: str = Field(sa_type=ExactText)
    statistic: str
    slice: str | None = Field(default=None, sa_type=ExactText)
    state: str
    value: float | None = None
    rows: int
    repeats: float
    p_value: float | None = None
    variance: float | None = None
    flip_rate: float | None = None
    delta: float | None = None
    drift_variance: float
    source: str
    seed: int | None = None
    measured_at: float | None = None
    at: str
    reason: str | None = Field(default=None, sa_type=ExactText)
    runs: Any = Field(sa_type=JsonText)


class ComparisonTable(StoreModel, table=True):
    """What a comparison found, as the reports' record in JSON."""

    __tablename__ = "comparison"
    __table_args__ = (Index("comparison_experiment", "experiment_no", "no"),)
    no: int | None = Field(default=None, primary_key=True)
    experiment_no: int = Field(foreign_key="experiment.no")
    group_id: str = Field(index=True)
    registration: str
    status: str
    at: str
    body: Any = Field(sa_type=JsonText)


class QueueTable(StoreModel, table=True):
    """A group of runs that waits for a worker, or is with one. `owner_no` is who asked, `worker_no` who does it."""

    __tablename__ = "queue"
    __table_args__ = (Index("queue_state", "state", "no"),)
    no: int | None = Field(default=None, primary_key=True)
    group_id: str = Field(unique=True)
    experiment_no: int | None = Field(default=None, foreign_key="experiment.no")
    command: Any = Field(sa_type=JsonText)
    owner_no: int = Field(foreign_key="process.no")
    worker_no: int | None = Field(default=None, foreign_key="process.no")
    state: str
    queued_at: str
    claimed_at: str | None = None
    ended_at: str | None = None
    stop: str | None = None
    reason: str | None = Field(default=None, sa_type=ExactText)


class HoldTable(StoreModel, table=True):
    """Which process works on an experiment; a second one waits. `stop` is what somebody asked it to do.

    The last four say how fast it may go just now, see `store.pacing`.
    """

    __tablename__ = "hold"
    experiment_no: int = Field(primary_key=True, foreign_key="experiment.no")
    process_no: int = Field(foreign_key="process.no")
    since: str
    stop: str | None = None
    concurrency: int | None = None
    most: int | None = None
    waiting: str | None = Field(default=None, sa_type=ExactText)
    until: str | None = None


class AllowanceTable(StoreModel, table=True):
    """What an invocation may spend of the project's cap, or has spent where it ended (`process_no` is null then).

    The rows of those that run at the same time, see `store.spending`; `before_usd` was spent before all of them.
    """

    __tablename__ = "allowance"
    no: int | None = Field(default=None, primary_key=True)
    process_no: int | None = Field(default=None, foreign_key="process.no")
    before_usd: float
    granted_usd: float


class AuditTable(StoreModel, table=True):
    """Append-only: who did what and when."""

    __tablename__ = "audit"
    __table_args__ = (Index("audit_subject", "subject", "no"),)
    no: int | None = Field(default=None, primary_key=True)
    at: str
    who: str = Field(sa_type=ExactText)
    action: str
    subject: str = Field(sa_type=ExactText)
    detail: Any = Field(sa_type=JsonText)


class MetaTable(StoreModel, table=True):
    """Facts about the file itself. `readable_from`: the oldest schema whose program can still read it."""

    __tablename__ = "meta"
    key: str = Field(primary_key=True)
    value: str


TRIGGERS = tuple(
    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
    f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    for table in ("audit", "dataset_tag", "label_move")
    for verb in ("UPDATE", "DELETE")
)
"""Append-only tables are held by the file itself, whoever writes to it."""
