from __future__ import annotations

from typing import Any

import pytest

from llmexp_tui.domain.usage import ToolCall
from llmexp_tui.errors import ConfigError
from tests.unit.scoring.build import sample, scorer

WEATHER = ToolCall("weather", '{"city": "Bern", "days": 2}')
CLOCK = ToolCall("clock", "")


@pytest.mark.parametrize(
    ("calls", "expected", "settings", "wanted"),
    [
        ([WEATHER], {"name": "weather", "arguments": {"days": 2.0, "city": "Bern"}}, {}, 1.0),
        ([WEATHER], [{"name": "weather", "arguments": '{"city": "Bern", "days": 2}'}], {}, 1.0),
        ([WEATHER], '{"name": "weather", "args": {"city": "Bern", "days": 2}}', {}, 1.0),
        ([WEATHER], {"type": "function", "function": {"name": "weather", "arguments": "{}"}}, {}, 0.0),
        ([WEATHER], "weather", {"mode": "name"}, 1.0),
        ([WEATHER], "weather", {}, 0.0),
        ([CLOCK], "clock", {}, 1.0),
        ([WEATHER, CLOCK], ["clock", "weather"], {"mode": "name"}, 1.0),
        ([WEATHER, CLOCK], "clock", {"mode": "name"}, 0.0),
        ([WEATHER, CLOCK], "clock", {"mode": "name", "extra": True}, 1.0),
        ([CLOCK, CLOCK], "clock", {"mode": "name"}, 0.0),
        ([], [], {}, 1.0), ([], "clock", {}, 0.0), ([CLOCK], [], {}, 0.0),
        ([WEATHER, CLOCK], ["clock", "mail"], {"mode": "f1", "by_name": True}, 0.5),
        ([WEATHER, CLOCK], ["clock", "weather"], {"mode": "f1"}, 0.5),
        ([], [], {"mode": "f1"}, 1.0), ([], ["clock"], {"mode": "f1"}, 0.0),
        ([ToolCall("weather", "{not json")], {"name": "weather", "arguments": {}}, {}, 0.0),
        ([WEATHER], None, {"tool": "weather"}, 1.0),
        ([WEATHER], None, {"tool": "weather", "arguments": {"city": "Bern"}}, 0.0),
    ],
)
def test_tool_call(calls: list[ToolCall], expected: Any, settings: dict[str, Any], wanted: float) -> None:
    score = scorer("tool_call", **settings).score(sample("", expected, tool_calls=tuple(calls)))
    assert score.value == wanted


def test_what_is_no_tool_call_is_an_error() -> None:
    for expected in (3, [{"tool": "x"}], "[", {"name": "f", "arguments": "{"}):
        score = scorer("tool_call").score(sample("", expected))
        assert score.value is None
        assert "cannot be read" in (score.error or "")
    with pytest.raises(ConfigError, match="without a tool"):
        scorer("tool_call", arguments={"a": 1})
