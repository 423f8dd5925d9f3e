"""Parameters that a model is known to refuse, found before the first call and named.

Nothing is ever dropped in silence: two variants must not become the same because a client left a parameter out.
"""

from __future__ import annotations

import re

from llmexp_tui.domain.usage import Request
from llmexp_tui.providers.addresses import sent_name

_FIXED_SAMPLING = re.compile(r"^(?:o[134](?:-|$)|gpt-5(?:-mini|-nano)?(?:-20\d\d|$))")
_SAMPLING = ("temperature", "top_p")

OPENAI_PARAMETERS = frozenset(
    {"temperature", "top_p", "max_tokens", "max_completion_tokens", "reasoning_effort", "verbosity", "stop", "n",
     "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs", "parallel_tool_calls",
     "tool_choice", "response_format", "service_tier", "user"}
)
"""Parameters whose support litellm knows by name; others are a provider's own and are passed on."""


def refused_parameter(request: Request) -> str | None:
    """Why OpenAI's own server would refuse this request's parameters, or None."""
    name = sent_name(request.model)
    if not request.params or not _FIXED_SAMPLING.match(name):
        return None
    for parameter in _SAMPLING:
        value = request.params.get(parameter)
        if value is not None and value != 1:
            return f'model "{request.model}" does not support the parameter {parameter}; remove it from the model'
    return None
