"""Unit prices: the project's first, then the built-in one, then the list."""

from __future__ import annotations

import pytest

from llmexp_tui.domain.usage import Usage
from llmexp_tui.domain.variant import Model
from llmexp_tui.providers.prices import listed_mode, price_of


def test_the_projects_own_price_comes_first() -> None:
    price = price_of(Model("m", "openai/gpt-4o-mini", input_cost_per_mtok=1.0, output_cost_per_mtok=0.0))
    assert price is not None
    assert (price.input_per_mtok, price.output_per_mtok, price.source) == (1.0, 0.0, "project")
    assert price.cost(Usage(2_000_000, 5)) == 2.0


@pytest.mark.parametrize("name", ["openai/gpt-4o-mini", "gpt-4o-mini"])
def test_a_listed_price_with_its_source(name: str) -> None:
    price = price_of(Model("m", name))
    assert price is not None
    assert (price.input_per_mtok, price.output_per_mtok) == (0.15, 0.6)
    assert price.source.startswith("litellm ")


@pytest.mark.parametrize("name", ["openai/no-such-model", "anthropic/gpt-4o-mini", "bedrock/gpt-4o-mini", "x"])
def test_an_unknown_price_is_none_not_zero(name: str) -> None:
    assert price_of(Model("m", name)) is None


def test_half_a_price_is_no_price() -> None:
    assert price_of(Model("m", "openai/no-such-model", input_cost_per_mtok=1.0)) is None


def test_the_built_in_model_has_a_price() -> None:
    price = price_of(Model("m", "demo/icl"))
    assert price is not None
    assert price.cost(Usage(1000, 10)) == pytest.approx(0.000104)


def test_how_a_model_is_called() -> None:
    assert listed_mode("openai/gpt-4o-mini") == "chat"
    assert listed_mode("openai/no-such-model") is None
