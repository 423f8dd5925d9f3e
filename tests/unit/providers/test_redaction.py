"""Keys do not survive in messages, by value or by shape."""

from __future__ import annotations

import pytest

from llmexp_tui.providers.redaction import MARK, failure_message, redact

SECRETS = [
    "sk-proj-abcDEF0123456789_-abc",
    "sk-ant-api03-0123456789abcdef",
    "gsk_0123456789abcdefABCDEF",
    "AIzaSyA0123456789abcdefghijklmnopqrstu",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_0123456789abcdefghijABCDEFGHIJ012345",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_what_looks_like_a_key_is_taken_out(secret: str) -> None:
    text = redact(f'{{"message": "Incorrect API key provided: {secret}. See docs."}}', {})
    assert secret not in text
    assert MARK in text
    assert "See docs" in text


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abcdef1234567",
        "https://host/v1/models?alt=sse&key=abcdef1234567",
        '"x-api-key": "abcdef1234567"',
        "api_key=abcdef1234567",
    ],
)
def test_what_stands_where_a_key_stands_is_taken_out(text: str) -> None:
    assert "abcdef1234567" not in redact(text, {})


def test_values_of_the_environment_are_taken_out_whatever_they_look_like() -> None:
    env = {"GATEWAY_TOKEN": "correct horse battery", "GATEWAY_TOKEN_OLD": "correct horse", "HOME": "/home/someone"}
    assert redact("using correct horse battery in /home/someone", env) == f"using {MARK} in /home/someone"


@pytest.mark.parametrize(
    "text",
    ["maximum context length is 4096 tokens", "The model `gpt-5-mini` does not exist", "task-0123456789abcdef"],
)
def test_plain_words_stay(text: str) -> None:
    assert redact(text, {"API_KEY": "short"}) == text


def test_a_long_message_is_cut_at_a_character() -> None:
    assert len(failure_message("😀" * 3000, {}).encode()) <= 2048
    assert failure_message("\ud800 lone", {}) == "? lone"
