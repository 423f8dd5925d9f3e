"""Small project folders on disk, pointed at the loopback model server or at the built-in model, and their sessions.

Row n's text is `item n.`; the server answers as `answering` says, so a test decides which arm is right where.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli_w

from llmexp_tui.workflows.session import Session, open_session
from tests.fakes.model_server import Answer, ModelServer
from tests.fakes.replies import Recorded

KEY = "sk-canary-fedcba9876543210"
ENV = {"MODEL_KEY": KEY}
GATE = {"metric": "exact_match", "margin": 0.05}
_ITEM = re.compile(r"item (\d+)\.")


def item_of(request: Recorded) -> int:
    """The number of the row that a request is about."""
    found = _ITEM.search(request.prompt)
    assert found is not None, request.prompt
    return int(found[1])


def arm_of(request: Recorded) -> str:
    """The variant that a request belongs to: the first word of its prompt."""
    return request.prompt.split()[0]


def answering(wrong: Callable[[str, int], bool] = lambda arm, item: item % 10 == 0) -> Answer:
    """Answers every row rightly but where `wrong(variant, item)` holds."""
    return lambda request: "no" if wrong(arm_of(request), item_of(request)) else "yes"


class ProjectFolder:
    """A project folder whose description can be changed and written again.

    `model` and `experiment` are the tables as they go into the project file; `variants` maps a variant to its prompt;
    `models` are further models by name, each like `model` but for what it says.
    """

    def __init__(
        self,
        root: Path,
        server: ModelServer | str | None,
        *,
        rows: int = 20,
        variants: Mapping[str, str] | None = None,
        scorers: Sequence[Any] = ("exact_match",),
        gates: Sequence[Mapping[str, Any]] = (GATE,),
        plan: Mapping[str, Any] | None = None,
        model: Mapping[str, Any] | None = None,
        models: Mapping[str, Mapping[str, Any]] | None = None,
        repeats: int = 1,
        dataset: Mapping[str, Any] | None = None,
    ) -> None:
        self.root = root
        self.rows = rows
        self.variants = dict(variants or {name: f"{name} {{{{ text }}}}" for name in ("long", "short")})
        self.scorers = list(scorers)
        self.gates = [dict(gate) for gate in gates]
        self.plan = dict(plan or {})
        self.repeats = repeats
        self.dataset = dict(dataset or {})
        self.max_cost_usd: float | None = None
        self.model: dict[str, Any] = {"model": "demo/icl", "temperature": 0.0}
        if server is not None:
            base = server if isinstance(server, str) else server.base_url
            self.model = {"model": "openai/gpt-x", "api_base": base, "api_key_env": "MODEL_KEY", "timeout_s": 20.0}
        self.model |= dict(model or {})
        self.models = {name: {**self.model, **table} for name, table in (models or {}).items()}
        self.write()

    @property
    def db(self) -> Path:
        """The database that the program makes for it."""
        return self.root / ".llmexp" / "llmexp.db"

    def write(self) -> None:
        """Writes the project file, the prompts and the dataset as they are described now."""
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "llmexp.toml").write_text(tomli_w.dumps(self._toml()), "utf-8")
        for name, text in self.variants.items():
            (self.root / f"{name}.md").write_text(text, "utf-8")
        self.write_rows(f"item {n}." for n in range(self.rows))

    def add_experiment(self, name: str, **changed: Any) -> None:
        """Writes a further experiment into the project file: the first one but for what is changed."""
        body = self._toml()
        body["experiments"][name] = {**body["experiments"]["tone"], **changed}
        (self.root / "llmexp.toml").write_text(tomli_w.dumps(body), "utf-8")

    def write_rows(self, texts: Iterable[str]) -> None:
        """Writes the dataset with these texts; every expected answer is yes."""
        lines = ["text,expected", *(f"{text},yes" for text in texts)]
        (self.root / "items.csv").write_text("\n".join(lines) + "\n", "utf-8")

    def session(self, **given: Any) -> Session:
        """An open session, trusted, with the key in its environment."""
        return open_session(self.root, env=given.pop("env", ENV), trust=given.pop("trust", True), **given)

    def _toml(self) -> dict[str, Any]:
        experiment: dict[str, Any] = {
            "question": "Is the short prompt as good?",
            "dataset": "items",
            "axis": "prompt",
            "baseline": next(iter(self.variants)),
            "scorers": self.scorers,
            "repeats": self.repeats,
            "variants": {name: {"prompt": name, "model": "small"} for name in self.variants},
        }
        if self.gates:
            experiment["gates"] = self.gates
        if self.plan:
            experiment["plan"] = self.plan
        body: dict[str, Any] = {
            "datasets": {"items": {"path": "items.csv", **self.dataset}},
            "prompts": {name: {"path": f"{name}.md"} for name in self.variants},
            "models": {"small": self.model, **self.models},
            "experiments": {"tone": experiment},
        }
        if self.max_cost_usd is not None:
            body["budget"] = {"max_cost_usd": self.max_cost_usd}
        return body
