"""Which provider a model id means: its prefix, its own address, its key's variable, the protocol it speaks."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from llmexp_tui.domain.variant import Model

OPENAI_BASE = "https://api.openai.com/v1"

_OWN_HOSTS = {
    "openai": "api.openai.com",
    "anthropic": "api.anthropic.com",
    "gemini": "generativelanguage.googleapis.com",
    "mistral": "api.mistral.ai",
    "groq": "api.groq.com",
    "deepseek": "api.deepseek.com",
    "openrouter": "openrouter.ai",
    "xai": "api.x.ai",
    "together_ai": "api.together.xyz",
    "fireworks_ai": "api.fireworks.ai",
    "perplexity": "api.perplexity.ai",
    "cohere": "api.cohere.ai",
    "cohere_chat": "api.cohere.ai",
    "cerebras": "api.cerebras.ai",
    "deepinfra": "api.deepinfra.com",
}

_KEY_ENV = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "mistral": "MISTRAL_API_KEY",
    "groq": "GROQ_API_KEY",
    "deepseek": "DEEPSEEK_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
    "xai": "XAI_API_KEY",
    "together_ai": "TOGETHERAI_API_KEY",
    "fireworks_ai": "FIREWORKS_AI_API_KEY",
    "perplexity": "PERPLEXITYAI_API_KEY",
    "cohere": "COHERE_API_KEY",
    "cohere_chat": "COHERE_API_KEY",
    "cerebras": "CEREBRAS_API_KEY",
    "deepinfra": "DEEPINFRA_API_KEY",
}

_OPENAI_PREFIXES = ("openai", "openai_like", "custom_openai", "hosted_vllm", "lm_studio", "llamafile")
"""Prefixes whose servers speak the OpenAI chat protocol; all but the first need an api_base."""


def prefix_of(model_id: str) -> str:
    """The provider's part of a model id, "" for a bare name."""
    prefix, slash, _ = model_id.partition("/")
    return prefix if slash else ""


def sent_name(model_id: str) -> str:
    """The model's name as an OpenAI-protocol server knows it: the id without a prefix that only we read."""
    prefix, slash, rest = model_id.partition("/")
    return rest if slash and (prefix in _OPENAI_PREFIXES or prefix in _OWN_HOSTS) else model_id


def speaks_openai(model: Model) -> bool:
    """Whether the model's server is known to speak the OpenAI chat protocol at `/chat/completions`."""
    prefix = prefix_of(model.model)
    if prefix == "openai":
        return not sent_name(model.model).startswith("responses/")
    if model.api_base is None:
        return False
    if prefix in _OPENAI_PREFIXES:
        return True
    return prefix == "" or (model.lane == "direct" and prefix not in ("anthropic", "gemini", "bedrock"))


def redirecting_variable(model: Model, names: Iterable[str]) -> str | None:
    """A set variable that would send the provider's calls to another address; None where there is none."""
    prefix = prefix_of(model.model)
    if model.api_base is not None or prefix not in _OWN_HOSTS:
        return None
    wanted = {f"{prefix.upper()}_BASE_URL", f"{prefix.upper()}_API_BASE"}
    return next((name for name in sorted(names) if name in wanted), None)


def default_key_env(model_id: str) -> str | None:
    """The variable that holds the provider's key by custom; None for a provider that is not known here."""
    return _KEY_ENV.get(prefix_of(model_id))


def is_own_base(model: Model, api_base: str | None = None) -> bool:
    """Whether a model is called at its provider's own address: by default, or by an api_base of that host."""
    base = api_base if api_base is not None else model.api_base
    if base is None:
        return True
    parts = urlsplit(base)
    return parts.scheme == "https" and parts.hostname == _OWN_HOSTS.get(prefix_of(model.model), "")
