from __future__ import annotations

from dataclasses import replace

import pytest

from llmexp_tui.domain.experiment import Registration
from llmexp_tui.domain.variant import Model, Variant
from llmexp_tui.errors import UnknownNameError
from llmexp_tui.store import comparisons, experiments
from llmexp_tui.store.engine import Store, data_version
from tests.store.samples import AT


def test_registrations(store: Store) -> None:
    first = Registration("tone", {"experiment": "tone", "variants": {"a": "1"}, "gates": []})
    second = Registration("tone", {"experiment": "tone", "variants": {"a": "2"}, "gates": []})
    experiments.save_registration(store, first, who="ada", at=AT)
    experiments.save_registration(store, second, who="bob", at=AT)
    experiments.save_registration(store, first, who="eve", at="later")
    assert experiments.registration(store, first.hash) == first
    assert [(r.registration, r.who) for r in experiments.registrations(store, "tone")] == [
        (second, "bob"), (first, "ada")]  # fmt: skip
    assert experiments.registrations(store, "other") == []
    with pytest.raises(UnknownNameError):
        experiments.registration(store, "f" * 64)


def test_a_variant_comes_back_with_everything(store: Store) -> None:
    model = Model("small", "openai/x", {"temperature": 0.2, "stop": ["\n"]}, api_key_env="KEY", rpm=3, stream=True)
    variant = Variant("long", model, "triage", "p" * 64, "triage@main", retriever={"k": 3}, chain=None)
    experiments.save_variant(store, variant)
    experiments.save_variant(store, replace(variant, name="another name"))
    assert experiments.load_variant(store, variant.hash) == variant
    assert experiments.variant(store, variant.hash) == variant.identity()
    with pytest.raises(UnknownNameError):
        experiments.variant(store, "f" * 64)


def test_scorers(store: Store) -> None:
    experiments.save_scorer(store, "exact/1", {"type": "exact_match"})
    assert experiments.scorer(store, "exact/1") == {"type": "exact_match"}


def test_saving_again_writes_nothing(store: Store) -> None:
    registration = Registration("tone", {"experiment": "tone"})
    variant = Variant("long", Model("small", "m"), "triage", "p" * 64)
    for _ in range(2):
        experiments.save_registration(store, registration, who="ada", at=AT)
        experiments.save_variant(store, variant)
        experiments.save_scorer(store, "exact/1", {"type": "exact_match"})
        seen, before = data_version(store), locals().get("seen")
    assert before == seen


def test_comparisons_newest_first(store: Store) -> None:
    for n, name in enumerate(("tone", "other", "tone")):
        comparisons.save_comparison(store, name, f"g{n}", "a" * 64, "pass", AT, {"n": n})
    assert [(c.experiment, c.group) for c in comparisons.latest(store)] == [("tone", "g2"), ("other", "g1")]
    assert [c.body for c in comparisons.latest(store, "tone")] == [{"n": 2}]
    assert comparisons.latest(store, "never") == []
    assert [c.body["n"] for c in comparisons.history(store, "tone")] == [2, 0]
    assert [c.body["n"] for c in comparisons.history(store, "tone", limit=1)] == [2]
