"""What makes a judge's numbers untrustworthy, as sentences: unpinned ids, drift, judging oneself, mixed scorers.

Pure functions over what is stored. They warn; nothing here stops a run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from llmexp_tui.domain.text import one_line
from llmexp_tui.domain.variant import Model
from llmexp_tui.scoring.base import Scorer

_DATED = re.compile(
    r"[-@:.](?:\d{4}-\d{2}-\d{2}|\d{8}|\d{6}|\d{4}|\d{3}|(?:preview|exp)-\d{2}-\d{2})(?:-v\d+(?::\d+)?|-preview)?$"
)
_HASH = re.compile(r"[0-9a-f]{64}$")
_DIGEST = re.compile(r"@sha256:[0-9a-f]{12,}$")


def is_pinned(model_id: str) -> bool:
    """True where a model id names one fixed model: a date or version at its end, a digest, or a built-in model."""
    name = model_id.strip().lower()
    return name.startswith("demo/") or bool(_DATED.search(name) or _DIGEST.search(name))


def judge_warnings(
    scorers: Iterable[Scorer], models: Mapping[str, Model], variant_models: Iterable[str]
) -> tuple[str, ...]:
    """One sentence for each judge whose id is not pinned, and for each that is also under test.

    `models` are the project's by name, `variant_models` the model ids (not names) that the variants call.
    """
    under_test = set(variant_models)
    warnings = []
    for scorer in scorers:
        for name in scorer.models:
            model_id = models[name].model
            if not is_pinned(model_id):
                said = f'the judge "{model_id}" is not a pinned model id, it may change without notice'
                warnings.append(f"{scorer.meta.name}: {said}")
            if model_id in under_test:
                warnings.append(f'{scorer.meta.name}: the judge "{model_id}" is also the model under test')
    return tuple(dict.fromkeys(warnings))


def drift_within(scorer: str, returned: Iterable[str | None]) -> str | None:
    """A warning where one run's scores come from more than one model; None ids are providers that do not say."""
    seen = sorted({item for item in returned if item})
    if len(seen) < 2:
        return None
    return f"{scorer}: the judge changed during the run: {one_line(' and '.join(seen), 200)}"


def drift_between(scorer: str, left: Iterable[str | None], right: Iterable[str | None]) -> str | None:
    """A warning where two runs were judged by different models, as the provider named them."""
    ours, theirs = {item for item in left if item}, {item for item in right if item}
    if not ours or not theirs or ours == theirs:
        return None
    said = f"{', '.join(sorted(ours))} in one run, {', '.join(sorted(theirs))} in the other"
    return f"{scorer}: the runs were judged by different models: {one_line(said, 300)}"


def differences(left: Mapping[str, Any], right: Mapping[str, Any], prefix: str = "") -> tuple[str, ...]:
    """The dotted settings in which two scorers' stored bodies differ, with both values, for a person to read."""
    found: list[str] = []
    for key in sorted({*left, *right}):
        path = f"{prefix}{key}"
        ours, theirs = left.get(key), right.get(key)
        if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
            found.extend(differences(ours, theirs, f"{path}."))
        elif ours != theirs and all(isinstance(side, str) and _HASH.match(side) for side in (ours, theirs)):
            found.append(f"{path}: another text")
        elif ours != theirs:
            found.append(f"{path}: {one_line(repr(ours), 60)} and {one_line(repr(theirs), 60)}")
    return tuple(found)


def mixed_scorers(metric: str, left: Mapping[str, Any], right: Mapping[str, Any], *, changed: bool) -> str | None:
    """Why two runs' scores of one metric are not compared; None where the scorers are the same.

    `changed`: both runs have `left`'s scores, and the project says `right` by now.
    """
    found = differences(left, right)
    if not found:
        return None
    how = "in both runs by another scorer than it is now" if changed else "differently in the two runs"
    return (
        f"{metric} was scored {how} ({'; '.join(found)}); they are not compared. "
        "Judge the stored outputs of both again with one scorer."
    )
