"""The choice of a lane, the request of a cell, and what is found wrong before the first call."""

from __future__ import annotations

import pytest

from llmexp_tui.domain.prompt import Message
from llmexp_tui.domain.usage import FailureKind
from llmexp_tui.domain.variant import Model
from llmexp_tui.errors import ConfigError, UnknownNameError
from llmexp_tui.providers.base import build_request, key_identity, lane_of, preflight, provider_for

LOCAL = "http://127.0.0.1:8080/v1"


@pytest.mark.parametrize(
    ("model", "lane"),
    [
        (Model("m", "demo/icl"), "demo"),
        (Model("m", "demo/icl", lane="litellm"), "demo"),
        (Model("m", "openai/gpt-5-mini"), "direct"),
        (Model("m", "openai/gpt-5-mini", lane="litellm"), "litellm"),
        (Model("m", "openai/gpt-5-pro"), "litellm"),  # answers at another address only
        (Model("m", "openai/gpt-5-pro", api_base=LOCAL), "direct"),
        (Model("m", "hosted_vllm/llama", api_base=LOCAL), "direct"),
        (Model("m", "llama", api_base=LOCAL), "direct"),
        (Model("m", "anthropic/claude-sonnet-4-5"), "litellm"),
        (Model("m", "anthropic/claude-sonnet-4-5", api_base=LOCAL), "litellm"),
        (Model("m", "groq/llama", api_base="https://api.groq.com/openai/v1", lane="direct"), "direct"),
        (Model("m", "gpt-4o"), "litellm"),
    ],
)
def test_the_lane_of_a_model(model: Model, lane: str) -> None:
    assert lane_of(model) == lane


def test_a_lane_that_cannot_serve_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match=r"models\.m\.lane"):
        lane_of(Model("m", "anthropic/claude", lane="direct"))
    with pytest.raises(ConfigError, match="unknown lane"):
        lane_of(Model("m", "openai/gpt-x", lane="fast"))
    with pytest.raises(UnknownNameError, match="demo/icl"):
        provider_for(Model("m", "demo/icm"), env={})


def test_a_request_holds_everything_that_can_change_the_answer() -> None:
    model = Model("m", "openai/gpt-x", params={"temperature": 0.2}, api_base=LOCAL, timeout_s=9, stream=True,
                  api_key_env="K")
    schema = {"type": "object"}
    request = build_request(model, [Message("user", "hi")], seed=5, output_schema=schema, tools=[{"a": 1}])
    assert request.params == {"temperature": 0.2}
    assert (request.model, request.seed, request.timeout_s, request.stream) == ("openai/gpt-x", 5, 9, True)
    assert (request.api_base, request.api_key_env) == (LOCAL, "K")
    assert (request.output_schema, request.tools) == (schema, ({"a": 1},))


def test_a_seed_of_the_model_changes_every_seed_but_replaces_none() -> None:
    plain, seeded = Model("m", "x/y"), Model("m", "x/y", params={"seed": 3})
    seeds = [build_request(seeded, [], seed=seed).seed for seed in (1, 2, 3)]
    assert len({*seeds, 3}) == 4
    assert all(isinstance(seed, int) and 0 <= seed < 2**31 for seed in seeds)
    assert "seed" not in build_request(seeded, [], seed=1).params
    assert build_request(plain, [], seed=1).seed == 1
    assert build_request(plain, [], seed=None).seed is None


@pytest.mark.parametrize(
    ("model", "variable"),
    [
        (Model("m", "openai/gpt-x"), "OPENAI_API_KEY"),
        (Model("m", "anthropic/claude"), "ANTHROPIC_API_KEY"),
        (Model("m", "openai/gpt-x", api_base=LOCAL, api_key_env="MY_KEY"), "MY_KEY"),
    ],
)
def test_a_missing_key_is_found_before_a_call(model: Model, variable: str) -> None:
    failure = preflight(model, {variable: ""})
    assert failure is not None
    assert failure.kind is FailureKind.AUTH
    assert variable in failure.message
    assert not failure.retryable
    assert preflight(model, {variable: "sk-1234567890"}) is None


@pytest.mark.parametrize("name", ["demo/icl", "bedrock/some-model", "ollama/llama3"])
def test_no_key_is_asked_for_where_none_is_known_to_be_needed(name: str) -> None:
    assert preflight(Model("m", name), {}) is None


def test_a_key_goes_to_another_address_only_where_the_project_names_it() -> None:
    env = {"OPENAI_API_KEY": "sk-1234567890"}
    assert key_identity(Model("m", "openai/gpt-x", api_base=LOCAL), env) == (None, None)
    assert key_identity(Model("m", "openai/gpt-x", api_base="https://api.openai.com/v1"), env)[0] == "OPENAI_API_KEY"
    assert key_identity(Model("m", "openai/gpt-x", api_base="http://api.openai.com/v1"), env) == (None, None)
    named = Model("m", "openai/gpt-x", api_base=LOCAL, api_key_env="OPENAI_API_KEY")
    assert key_identity(named, env)[0] == "OPENAI_API_KEY"


def test_a_key_is_known_by_a_fingerprint() -> None:
    model = Model("m", "openai/gpt-x")
    name, fingerprint = key_identity(model, {"OPENAI_API_KEY": "sk-1234567890"})
    assert name == "OPENAI_API_KEY"
    assert fingerprint is not None
    assert len(fingerprint) == 8
    assert fingerprint not in "sk-1234567890"
    assert key_identity(model, {"OPENAI_API_KEY": "sk-1234567891"})[1] != fingerprint
    assert key_identity(model, {}) == (None, None)


def test_an_address_in_the_environment_is_refused_not_followed() -> None:
    env = {"OPENAI_API_KEY": "sk-1234567890", "OPENAI_BASE_URL": "http://elsewhere.example/v1"}
    failure = preflight(Model("m", "openai/gpt-x"), env)
    assert failure is not None
    assert "OPENAI_BASE_URL" in failure.message
    assert preflight(Model("m", "openai/gpt-x", api_base=LOCAL), env) is None
    assert preflight(Model("m", "openai/gpt-x"), env | {"OPENAI_BASE_URL": "https://api.openai.com/v1"}) is None
