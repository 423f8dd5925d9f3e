"""What a family of scorers gives for one entry of the project file: a function and what its values mean.

A family knows nothing of names, thresholds or fingerprints; those are the same for all and added in `base`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from llmexp_tui.domain.hashing import canonical_json
from llmexp_tui.domain.score import Score, ScorerSpec
from llmexp_tui.domain.variant import Model
from llmexp_tui.errors import ConfigError
from llmexp_tui.scoring.sample import JudgeCall, Sample
from llmexp_tui.scoring.settings import Settings

Measure = Callable[[Sample], Score]

PASS = Score(1.0)
FAIL = Score(0.0)
"""Frozen, so shared: making a new one for every output would cost as much as the check itself."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Which answer of the judge is asked for: `repeat` 0, 1, 2 … re-judges the same output; `seed` is sent along."""

    seed: int | None = None
    repeat: int = 0


class AsyncMeasure(Protocol):
    """Scores by calling a model, a command or a coroutine."""

    def __call__(self, sample: Sample, call: JudgeCall, turn: Turn) -> Awaitable[Score]: ...


def _no_files(path: str) -> str:
    raise ConfigError(f"{path} cannot be read here", mend="open the project before building its scorers")


@dataclass(frozen=True, slots=True)
class ScorerContext:
    """What a scorer may use of its project.

    `models` by their names in the project file; `read_text` reads a file relative to the project and raises
    ConfigError where there is none; `trusted` allows own code; `siblings` are the experiment's other scorers by
    name, which a composite may refer to; `has_expected` says whether the dataset has the expected column.
    """

    root: Path = field(default_factory=Path)
    models: Mapping[str, Model] = field(default_factory=dict)
    read_text: Callable[[str], str] = _no_files
    trusted: bool = False
    expected_column: str = "expected"
    siblings: Mapping[str, ScorerSpec] = field(default_factory=dict)
    has_expected: bool = True


@dataclass(frozen=True, slots=True)
class Definition:
    """One scorer without its name: exactly one of `measure` and `ameasure` is set, neither where people score.

    `body` holds every setting that can change a value, as JSON, with the text of files it reads and the version
    of the library that decides; its hash is the fingerprint. `columns` are the row's columns it reads besides
    the expected one. `models` are the names of the models it calls. `needs_baseline`: what is expected of an output
    is the baseline's output of the same row and repeat. `parts` are the scorers that a composite is made of.
    `own`: `measure` runs the project's code, which takes as long as it likes.
    """

    body: Mapping[str, Any]
    measure: Measure | None = None
    ameasure: AsyncMeasure | None = None
    type: str = "binary"
    direction: str = "higher"
    range: tuple[float, float] | None = (0.0, 1.0)
    unit: str = ""
    needs_expected: bool = False
    needs_contexts: bool = False
    columns: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    needs_baseline: bool = False
    parts: tuple[Any, ...] = ()
    own: bool = False


Build = Callable[[Settings, ScorerContext], Definition]


def as_text(value: Any) -> str:
    """A row's value as the string that it is compared as; what is no text or number as JSON writes it."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return canonical_json(value) if isinstance(value, Mapping | Sequence) else str(value)


def references(sample: Sample) -> tuple[str, ...]:
    """The accepted answers of a sample: a list counts as several. Empty where the row has none (absent or null)."""
    value = sample.expected
    if value is None or not sample.expected_present:
        return ()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(as_text(item) for item in value)
    return (as_text(value),)


NO_EXPECTED = Score(None, error="the row has no expected answer")
