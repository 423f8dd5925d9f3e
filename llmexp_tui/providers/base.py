"""The provider protocol, and the choice of the lane that serves a model.

Importing this module pays for nothing: aiohttp, litellm and numpy are imported by the lane that needs them, when it
is opened. No request is sent from here.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from llmexp_tui.domain.hashing import derived_seed
from llmexp_tui.domain.prompt import Message
from llmexp_tui.domain.usage import Completion, Embeddings, Failure, FailureKind, Request
from llmexp_tui.domain.variant import Model
from llmexp_tui.errors import ConfigError
from llmexp_tui.providers.addresses import (
    default_key_env,
    is_own_base,
    prefix_of,
    redirecting_variable,
    speaks_openai,
)
from llmexp_tui.providers.failures import make_failure
from llmexp_tui.providers.prices import listed_mode
from llmexp_tui.providers.redaction import redact

__all__ = [
    "Embedder", "Provider", "build_request", "key_identity", "lane_of", "preflight", "provider_for", "redact",
    "warm_lane",
]  # fmt: skip

SEED_BITS = 31
LANES = ("auto", "litellm", "direct")


class Provider(Protocol):
    """One way to call models. `complete` makes exactly one attempt and raises nothing but CancelledError.

    The request's time limit is a limit on the wall clock; latency is monotonic and holds no queueing of ours.
    `cost_usd` is left None: the list price is the caller's (`prices.price_of(model).cost(usage)`).
    """

    async def complete(self, request: Request) -> Completion | Failure:
        """One attempt: an answer, or why there is none."""

    async def aclose(self) -> None:
        """Closes connections; the provider is not used afterwards."""


class Embedder(Protocol):
    """A provider that embeds texts as well: litellm's lane alone. As `Provider.complete`, one attempt a call."""

    async def embed(self, request: Request, texts: Sequence[str]) -> Embeddings | Failure:
        """One vector a text, or why there is none; of the request, its address and its time limit count."""


def lane_of(model: Model) -> str:
    """Which lane serves a model: demo, direct or litellm. Raises ConfigError for a lane that cannot."""
    if prefix_of(model.model) == "demo":
        return "demo"
    if model.lane not in LANES:
        raise ConfigError(f'unknown lane "{model.lane}"', where=f"models.{model.name}.lane",
                          mend="use auto, litellm or direct")
    if model.lane == "litellm":
        return "litellm"
    if speaks_chat(model):
        return "direct"
    if model.lane == "direct":
        raise ConfigError(
            f'model "{model.model}" is not known to speak the OpenAI protocol',
            where=f"models.{model.name}.lane",
            mend='name it openai/… with an api_base, or use lane = "auto"',
        )
    return "litellm"


def speaks_chat(model: Model) -> bool:
    """Whether a model answers at the OpenAI protocol's chat address; a few of OpenAI's own do not, litellm does."""
    if not speaks_openai(model):
        return False
    return model.lane == "direct" or not is_own_base(model) or listed_mode(model.model) != "responses"


def provider_for(model: Model, *, env: Mapping[str, str]) -> Provider:
    """Opens the lane that serves a model. Raises ConfigError for a lane or a built-in model that does not exist."""
    provider: Provider = _module(lane_of(model)).open_provider(model, env)
    return provider


def warm_lane(lane: str) -> None:
    """Loads what a lane's first call would wait for. Opens no connection."""
    _module(lane).warm()


def _module(lane: str) -> Any:
    modules = {"direct": "openai_lane", "litellm": "litellm_adapter", "demo": "demo"}
    return importlib.import_module(f"llmexp_tui.providers.{modules[lane]}")


def build_request(
    model: Model,
    messages: Sequence[Message],
    *,
    seed: int | None,
    output_schema: Mapping[str, Any] | None = None,
    tools: Sequence[Mapping[str, Any]] = (),
) -> Request:
    """The request of one cell. A seed of the model's own is mixed into the cell's, never sent as it stands:

    one seed for all repeats would make them copies of each other.
    """
    params = {name: value for name, value in model.params.items() if name != "seed"}
    own = model.params.get("seed")
    if own is not None:
        seed = derived_seed(own, "none" if seed is None else seed) & ((1 << SEED_BITS) - 1)
    return Request(
        model=model.model,
        messages=tuple(messages),
        params=params,
        seed=seed,
        timeout_s=model.timeout_s,
        stream=model.stream,
        api_base=model.api_base,
        api_key_env=model.api_key_env,
        output_schema=output_schema,
        tools=tuple(tools),
    )


def key_env_of(model: Model) -> str | None:
    """The name of the variable with the model's key; None where the model needs none or is not known.

    An address other than the provider's own gets a key only where the project names the variable: a key is never
    sent where nobody said it should go.
    """
    if model.api_key_env is not None:
        return model.api_key_env
    return default_key_env(model.model) if is_own_base(model) else None


def key_of(model: Model, env: Mapping[str, str]) -> str | None:
    """The model's key from the environment, or None."""
    name = key_env_of(model)
    return (env.get(name) or None) if name else None


def preflight(model: Model, env: Mapping[str, str]) -> Failure | None:
    """What would make every call fail, found without a call; None where nothing is known to be wrong."""
    if lane_of(model) == "demo":
        return None
    name = key_env_of(model)
    if name is not None and not env.get(name):
        message = f'the key of model "{model.model}" is missing: set the environment variable {name}'
        return make_failure(FailureKind.AUTH, message, env)
    return _redirected(model, env)


def _redirected(model: Model, env: Mapping[str, str]) -> Failure | None:
    """A base address in the environment would change who answers without changing the variant's identity."""
    name = redirecting_variable(model, [name for name, value in env.items() if value])
    if name is None or is_own_base(model, env[name]):
        return None
    message = (f"{name} is set, but the address of a model is part of what is compared: "
               f"set api_base on models.{model.name}, or unset {name}")
    return make_failure(FailureKind.BAD_REQUEST, message, env)


def key_identity(model: Model, env: Mapping[str, str]) -> tuple[str | None, str | None]:
    """(variable name, short fingerprint) of the key in use; (None, None) where there is none."""
    key = key_of(model, env)
    if key is None:
        return None, None
    return key_env_of(model), hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:8]
