"""Rows of the store to domain objects and back. No query is made here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sqlalchemy import RowMapping

from llmexp_tui.domain.run import Output, RunRecord, RunStatus
from llmexp_tui.domain.score import Score
from llmexp_tui.domain.usage import Completion, Failure, ToolCall, Usage
from llmexp_tui.store.types import fitting_int

COMPLETION_FIELDS = (
    "cache_key", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens",
    "cost_usd", "latency_ms", "ttft_ms", "attempts", "error_kind", "http_status", "billed", "rules", "created_at",
    "rendered_hash", "finish_reason", "model_returned", "response_id", "error", "tool_calls", "text",
)  # fmt: skip
_NO_COMPLETION: Mapping[str, Any] = dict.fromkeys(COMPLETION_FIELDS)


def finite(value: float | None) -> float | None:
    """The number, None where it is not finite: SQL sums must not be spoilt by one odd reply."""
    return value if value is not None and math.isfinite(value) else None


def completion_values(completion: Completion) -> dict[str, Any]:
    """Column values of an answer."""
    usage = completion.usage
    calls = [{"name": c.name, "arguments": c.arguments, "id": c.id} for c in completion.tool_calls]
    return {
        **_NO_COMPLETION,
        "input_tokens": fitting_int(usage.input),
        "output_tokens": fitting_int(usage.output),
        "cache_read_tokens": fitting_int(usage.cache_read),
        "cache_write_tokens": fitting_int(usage.cache_write),
        "reasoning_tokens": fitting_int(usage.reasoning),
        "cost_usd": finite(completion.cost_usd),
        "latency_ms": finite(completion.latency_ms),
        "ttft_ms": finite(completion.ttft_ms),
        "finish_reason": completion.finish_reason,
        "model_returned": completion.model_returned,
        "response_id": completion.response_id,
        "tool_calls": calls or None,
        "text": completion.text,
    }


def failure_values(failure: Failure) -> dict[str, Any]:
    """Column values of a call without an answer."""
    return {
        **_NO_COMPLETION,
        "latency_ms": finite(failure.latency_ms),
        "error_kind": failure.kind.value,
        "error": failure.message,
        "http_status": fitting_int(failure.status),
        "billed": failure.billed,
    }


def completion_of(row: RowMapping | Mapping[str, Any]) -> Completion:
    """An answer from its columns."""
    usage = Usage(
        row["input_tokens"], row["output_tokens"], row["cache_read_tokens"], row["cache_write_tokens"],
        row["reasoning_tokens"],
    )  # fmt: skip
    return Completion(
        text=row["text"] or "",
        finish_reason=row["finish_reason"],
        usage=usage,
        cost_usd=row["cost_usd"],
        latency_ms=row["latency_ms"] or 0.0,
        ttft_ms=row["ttft_ms"],
        model_returned=row["model_returned"],
        response_id=row["response_id"],
        tool_calls=tuple(ToolCall(**call) for call in row["tool_calls"] or ()),
    )


def figures(values: RowMapping | Mapping[str, Any]) -> dict[str, Any]:
    """What an output repeats of its completion."""
    known = (values["input_tokens"], values["output_tokens"])
    total = None if None in known else fitting_int(sum(known))
    return {
        "failed": values["error_kind"] is not None,
        "tokens": total,
        "cost_usd": values["cost_usd"],
        "latency_ms": values["latency_ms"],
        "ttft_ms": values["ttft_ms"],
    }


def output_of(run_id: str, row: RowMapping) -> Output:
    """A cell from its output, completion and row columns."""
    return Output(
        run=run_id,
        row_hash=row["row_hash"].hex(),
        repeat=row["repeat"],
        text=row["text"],
        error_kind=row["error_kind"],
        error=row["error"],
        cached=row["cached"],
        finish_reason=row["finish_reason"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        cost_usd=row["cost_usd"],
        latency_ms=row["latency_ms"],
        ttft_ms=row["ttft_ms"],
        model_returned=row["model_returned"],
        attempts=row["attempts"],
        tool_calls=tuple(row["tool_calls"] or ()),
        created_at=row["created_at"],
        origin_rules=row["rules"],
    )


def score_values(score: Score) -> dict[str, Any]:
    """Column values of a score. A value that is no finite number is a failure of the scorer."""
    value, error = score.value, score.error
    if value is not None and not math.isfinite(value):
        value, error = None, error or f"the scorer returned {score.value}"
    return {
        "value": value,
        "raw": finite(score.raw),
        "cost_usd": finite(score.cost_usd),
        "label": score.label,
        "error": error,
        "reason": score.reason,
        "model_returned": score.model_returned,
    }


def score_of(row: RowMapping | Mapping[str, Any]) -> Score:
    """A score from its columns."""
    return Score(
        row["value"], row["label"], row["reason"], row["error"], row["raw"], row["cost_usd"], row["model_returned"]
    )


_RUN_AS_IS = (
    "id", "variant", "variant_hash", "slot", "dataset", "dataset_hash", "registration", "rules", "repeats", "rows",
    "seed", "created_at", "started_at", "ended_at", "who", "host", "dirty", "number", "fresh", "key_name",
    "key_fingerprint", "stop_reason",
)  # fmt: skip


def run_values(record: RunRecord, experiment_no: int) -> dict[str, Any]:
    """Column values of a run."""
    return {
        **{name: getattr(record, name) for name in _RUN_AS_IS},
        "group_id": record.group,
        "experiment_no": experiment_no,
        "status": record.status.value,
        "commit_hash": record.commit,
        "environment": dict(record.environment),
    }


def run_of(row: RowMapping) -> RunRecord:
    """A run from its columns and `experiment`, the experiment's name."""
    return RunRecord(
        **{name: row[name] for name in _RUN_AS_IS},
        group=row["group_id"],
        experiment=row["experiment"],
        status=RunStatus(row["status"]),
        commit=row["commit_hash"],
        environment=row["environment"],
    )
