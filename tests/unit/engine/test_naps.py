"""A process that stood still: its calls are tried again, and its sleep is nobody's latency."""

from __future__ import annotations

import asyncio
import time

import pytest

from llmexp_tui.domain.prompt import Message
from llmexp_tui.domain.usage import Completion, Failure, FailureKind
from llmexp_tui.domain.variant import Model
from llmexp_tui.engine.naps import Awake, Naps
from llmexp_tui.providers.base import build_request, provider_for
from tests.fakes.model_server import ModelServer
from tests.fakes.replies import Reply

NAP_S = 1.0


@pytest.fixture(autouse=True)
def light_sleeper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmexp_tui.engine.naps.LATE_S", NAP_S / 2)


async def slept(
    server: ModelServer, reply: Reply, *, timeout_s: float, lane: str
) -> tuple[Completion | Failure, Naps]:
    """What came of a call in the midst of which the whole loop stood still."""
    model = Model("m", "openai/x", api_base=server.base_url, timeout_s=timeout_s, lane=lane)
    naps = Naps()
    provider = Awake(provider_for(model, env={}), naps)
    if lane == "litellm":  # its import alone is longer than a nap
        await provider.complete(build_request(model, [Message("user", "hi")], seed=0))
    server.behave(lambda request: reply)
    call = asyncio.ensure_future(provider.complete(build_request(model, [Message("user", "hi")], seed=1)))
    sent = server.count
    while server.count == sent:
        await asyncio.sleep(0.01)
    time.sleep(NAP_S)
    result = await call
    await provider.aclose()
    return result, naps


@pytest.mark.parametrize("lane", ["direct", "litellm"])
async def test_an_answer_that_came_meanwhile_took_no_longer(model_server: ModelServer, lane: str) -> None:
    result, naps = await slept(model_server, Reply(text="yes", delay_s=0.3), timeout_s=60.0, lane=lane)
    assert isinstance(result, Completion) and result.text == "yes"
    assert result.latency_ms < 1000 * naps.total_s


@pytest.mark.parametrize("lane", ["direct", "litellm"])
async def test_a_time_limit_that_ran_out_meanwhile_is_worth_another_attempt(
    model_server: ModelServer, lane: str
) -> None:
    result, _ = await slept(model_server, Reply(act="hang"), timeout_s=0.7, lane=lane)
    assert isinstance(result, Failure)
    assert (result.kind, result.retryable) == (FailureKind.NETWORK, True)
    assert "stood still for" in result.message


async def test_a_time_out_of_the_providers_own_stays_one(model_server: ModelServer) -> None:
    model_server.behave(lambda request: Reply(act="hang"))
    model = Model("m", "openai/x", api_base=model_server.base_url, timeout_s=0.4)
    provider = Awake(provider_for(model, env={}), Naps())
    result = await provider.complete(build_request(model, [Message("user", "hi")], seed=1))
    await provider.aclose()
    assert isinstance(result, Failure) and result.kind is FailureKind.TIMEOUT
