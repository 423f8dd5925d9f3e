from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from llmexp_tui.domain.score import ScorerSpec
from llmexp_tui.domain.usage import Failure
from llmexp_tui.domain.variant import Model
from llmexp_tui.errors import ConfigError, UnknownNameError
from llmexp_tui.scoring.base import ScorerContext, build_scorer, check_columns, scorer_types
from tests.unit.scoring.build import sample, scorer


def test_an_unknown_type_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match='scorer "m": unknown scorer type "exact_mach"; did you mean "exact_'):
        build_scorer(ScorerSpec("exact_mach", "m"), ScorerContext())


def test_an_unknown_setting_names_the_nearest_and_the_place() -> None:
    with pytest.raises(UnknownNameError, match=r'^llmexp.toml, line 9: unknown setting of contains "ign') as caught:
        build_scorer(ScorerSpec("contains", "c", {"ignore_cse": True}), ScorerContext(), where="llmexp.toml, line 9")
    assert caught.value.nearest == "ignore_case"


@pytest.mark.parametrize(
    ("type", "settings", "message"),
    [
        ("contains", {"value": 3}, "a string or a list"),
        ("contains", {"value": ""}, "empty text"),
        ("contains", {"any": ["a"], "all": ["b"]}, "both set"),
        ("contains", {"match": "some"}, 'value of match "some"'),
        ("numeric", {"tolerance": -1}, "out of range"),
        ("numeric", {"tolerance": True}, "not a number"),
        ("numeric", {"tolerance": math.nan}, "out of range"),
        ("regex", {"value": "(unclosed"}, "cannot be read"),
        ("length", {"min": 5, "max": 2}, "above max"),
        ("length", {"threshold": 5}, "which side is good"),
        ("length", {"negate": True}, "without bounds"),
        ("length", {"pass_at_k": 2}, "binary"),
        ("exact_match", {"pass_at_k": 2, "pass_hat_k": 2}, "two scorers"),
        ("exact_match", {"pass_at_k": 0}, "out of range"),
        ("exact_match", {"direction": "up"}, 'value of direction "up"'),
        ("exact_match", {"weight": -1}, "out of range"),
        ("levenshtein", {"threshold": 80}, "from 0 to 1"),
        ("refusal", {"pass_at_k": 2}, "negate = true"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(type: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        scorer(type, **settings)


def test_every_type_is_built_from_a_module_that_has_it() -> None:
    from importlib import import_module

    from llmexp_tui.scoring.base import _FAMILIES

    for target in _FAMILIES.values():
        module, _, function = target.partition(":")
        assert callable(getattr(import_module(f"llmexp_tui.scoring.{module}"), function)), target
    assert "exact_match" in scorer_types()


def test_the_name_is_no_part_of_the_fingerprint() -> None:
    assert scorer("contains", name="a", value="x").fingerprint == scorer("contains", name="b", value="x").fingerprint
    assert scorer("contains", name="a", value="x").meta.name == "a"


@pytest.mark.parametrize(
    "settings",
    [{"value": "y"}, {"value": "x", "ignore_case": True}, {"value": "x", "negate": True}, {"any": ["x", "y"]},
     {"all": ["x", "y"]}, {"value": "x", "direction": "lower"}, {"value": "x", "pass_at_k": 2}],
)
def test_what_can_change_a_value_is_part_of_the_fingerprint(settings: dict[str, Any]) -> None:
    assert scorer("contains", **settings).fingerprint != scorer("contains", value="x").fingerprint


def test_settings_at_their_defaults_are_the_same_scorer() -> None:
    plain = scorer("contains", value="x").fingerprint
    assert plain == scorer("contains", value="x", ignore_case=False, negate=False).fingerprint
    assert len(plain) == 64


def test_negation_turns_the_value_and_makes_more_better() -> None:
    negated = scorer("refusal", negate=True)
    assert (negated.meta.direction, scorer("refusal").meta.direction) == ("higher", "lower")
    assert negated.score(sample("I cannot help with that.")).value == 0.0
    assert negated.score(sample("Paris.")).value == 1.0


def test_a_threshold_makes_a_pass_or_fail_and_keeps_the_raw_value() -> None:
    short = scorer("length", threshold=3, direction="lower")
    assert (short.meta.type, short.meta.range, short.meta.direction) == ("binary", (0.0, 1.0), "higher")
    assert short.score(sample("one two three")).value == 1.0
    score = short.score(sample("one two three four"))
    assert (score.value, score.raw) == (0.0, 4.0)


def test_a_negated_threshold_fails_what_would_have_passed() -> None:
    long = scorer("length", threshold=3, direction="lower", negate=True)
    assert long.meta.direction == "higher"
    assert (long.score(sample("one two")).value, long.score(sample("1 2 3 4")).value) == (0.0, 1.0)


def test_another_column_can_be_expected() -> None:
    check = scorer("exact_match", expected="gold")
    assert check.columns == ("gold",)
    assert check.score(sample("a", "b", row={"expected": "b", "gold": "a"})).value == 1.0
    assert check.score(sample("a", "a", row={"expected": "a"})).error == "the row has no expected answer"


def test_a_missing_column_is_an_error_before_the_first_call() -> None:
    check = build_scorer(ScorerSpec("exact_match", "exact_match"), ScorerContext(expected_column="label"))
    check_columns(check, ["text", "label"])
    with pytest.raises(ConfigError, match=r'needs the column "label".*did you mean "labels"'):
        check_columns(check, ["text", "labels"])
    check_columns(scorer("contains", value="x"), [])
    context = ScorerContext(models={"jury": Model("jury", "demo/icl")})
    with pytest.raises(ConfigError, match=r'needs the column "sources", which the dataset does not have; known: q$'):
        check_columns(scorer("faithfulness", context, model="jury", contexts="sources"), ["q"])


@pytest.mark.parametrize("type", ["exact_match", "contains", "starts_with", "regex", "numeric"])
@pytest.mark.parametrize("row", ["absent", "null"])
def test_without_an_expected_answer_there_is_no_score(type: str, row: str) -> None:
    score = scorer(type).score(sample("x") if row == "absent" else sample("x", None))
    assert score.value is None
    assert score.error


async def test_every_scorer_can_be_awaited() -> None:
    async def no_call(*_: object, **__: object) -> Failure:
        raise AssertionError("nothing to call")

    check = scorer("exact_match")
    assert not check.calls
    assert (await check.ascore(sample("a", "a"), no_call)).value == 1.0


def test_building_imports_only_the_family_asked_for() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from llmexp_tui.scoring.base import *; from llmexp_tui.domain.score import ScorerSpec;"
        "build_scorer(ScorerSpec('exact_match', 'm'), ScorerContext());"
        "print(sorted(m for m in sys.modules if m in ('regex', 'numpy', 'scipy', 'litellm', 'asyncio')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[3])
    assert done.stdout.strip() == "[]", done.stderr
