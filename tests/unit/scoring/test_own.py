from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from llmexp_tui.errors import ConfigError, TrustError
from llmexp_tui.scoring.base import Scorer, ScorerContext
from llmexp_tui.scoring.own import read_result
from tests.unit.scoring.build import sample, scorer
from tests.unit.scoring.judges import always, hear

CODE = """
from dataclasses import dataclass

@dataclass
class Found:
    value: float

def share(row, output):
    return len(output) / row["size"]

def talks(row, output):
    print("from own code")
    return 1

async def talks_later(row, output):
    print("from own code")
    return 1

def right(row, output):
    return {"value": output == row["gold"], "label": "x", "reason": "because"}

async def later(row, output, sample):
    return Found(0.5).value if sample.row_key == "row-1" else 0.0

def broken(row, output):
    raise KeyError("gone")

text = "no function"
"""


@pytest.fixture
def project(tmp_path: Path) -> ScorerContext:
    (tmp_path / "scorers.py").write_text(CODE)
    return ScorerContext(root=tmp_path, read_text=lambda path: (tmp_path / path).read_text(), trusted=True)


def python(project: ScorerContext, name: str, **settings: Any) -> Scorer:
    return scorer("python", project, python=f"scorers.py:{name}", **settings)


async def test_functions_of_every_kind(project: ScorerContext) -> None:
    item = sample("abc", row={"size": 4, "gold": "abc"})
    assert python(project, "share").score(item).value == 0.75
    score = python(project, "right", values="binary").score(item)
    assert (score.value, score.label, score.reason) == (1.0, "x", "because")
    waits = python(project, "later")
    assert waits.calls
    assert (await hear(waits, item, always(""))).value == 0.5
    with pytest.raises(KeyError):
        python(project, "broken").score(item)


def test_nothing_runs_without_trust(project: ScorerContext, tmp_path: Path) -> None:
    (tmp_path / "scorers.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\ndef f(row, output): return 1")
    untrusted = ScorerContext(root=tmp_path, read_text=project.read_text)
    with pytest.raises(TrustError, match="--trust"):
        scorer("python", untrusted, python="scorers.py:f")
    with pytest.raises(TrustError, match="--trust"):
        scorer("command", untrusted, command=["true"])
    assert not (tmp_path / "ran").exists()


def test_the_code_is_the_fingerprint_and_leaves_no_bytecode(project: ScorerContext, tmp_path: Path) -> None:
    before = python(project, "share")
    (tmp_path / "scorers.py").write_text(CODE.replace("/ row", "* row"))
    after = python(project, "share")
    assert before.fingerprint != after.fingerprint
    item = sample("a", row={"size": 1})
    assert after.score(item).value == 1.0
    assert not list(tmp_path.rglob("*.pyc"))


HELPED = """
import json
from rules import best
from pack import deep

def helped(row, output):
    return best() * deep.share()
"""


def test_what_the_code_imports_from_its_folder_is_the_fingerprint_too(project: ScorerContext, tmp_path: Path) -> None:
    (tmp_path / "scorers.py").write_text(HELPED)
    (tmp_path / "rules.py").write_text("def best(): return 1.0")
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("")
    (tmp_path / "pack" / "deep.py").write_text("from .deeper import HALF\ndef share(): return HALF")
    (tmp_path / "pack" / "deeper.py").write_text("HALF = 0.5")
    (tmp_path / "other.py").write_text("")
    first = python(project, "helped")
    assert first.score(sample("")).value == 0.5
    assert set(first.body()["settings"]["imports"]) == {
        "rules.py", "pack/__init__.py", "pack/deep.py", "pack/deeper.py"
    }
    (tmp_path / "pack" / "deeper.py").write_text("HALF = 0.4")
    second = python(project, "helped")
    assert second.fingerprint != first.fingerprint
    assert second.score(sample("")).value == 0.4
    (tmp_path / "other.py").write_text("x = 1")
    assert python(project, "helped").fingerprint == second.fingerprint
    assert not list(tmp_path.rglob("*.pyc"))


def test_a_command_is_known_by_the_files_that_it_names(project: ScorerContext, tmp_path: Path) -> None:
    (tmp_path / "score.py").write_text("import words\nprint(words.VALUE)")
    (tmp_path / "words.py").write_text("VALUE = 1")
    command = [sys.executable, "score.py", "x" * 5000]
    found = []
    for name, text in (("words.py", "VALUE = 0"), ("score.py", "print(1)")):
        found.append(scorer("command", project, command=command).fingerprint)
        (tmp_path / name).write_text(text)
    found.append(scorer("command", project, command=command).fingerprint)
    assert len(set(found)) == 3


@pytest.mark.parametrize(
    ("reference", "message"),
    [("scorers.py", "names no function"), ("scorers.py:no", "has no function no"), ("scorers.py:text", "no function"),
     ("bad.py:f", "cannot be loaded: SyntaxError"), ("exits.py:f", "cannot be loaded: SystemExit")],
)
def test_what_cannot_be_loaded_is_said(project: ScorerContext, tmp_path: Path, reference: str, message: str) -> None:
    (tmp_path / "bad.py").write_text("def f(:")
    (tmp_path / "exits.py").write_text("raise SystemExit(3)")
    with pytest.raises(ConfigError, match=message):
        scorer("python", project, python=reference)


@pytest.mark.parametrize(
    ("result", "kind", "bounds", "value"),
    [
        (1, "bounded", (0.0, 1.0), 1.0), (True, "binary", (0.0, 1.0), 1.0), (0.5, "binary", (0.0, 1.0), None),
        (7, "bounded", (0.0, 10.0), 7.0), (11, "bounded", (0.0, 10.0), None), (-3.5, "unbounded", None, -3.5),
        (float("nan"), "unbounded", None, None), (None, "bounded", (0.0, 1.0), None),
        ("1", "bounded", (0.0, 1.0), None),
        ({"value": 0.5, "reason": 3}, "bounded", (0.0, 1.0), 0.5), ({"score": 1}, "bounded", (0.0, 1.0), None),
        ({"value": None, "error": "no"}, "bounded", (0.0, 1.0), None), ({}, "bounded", (0.0, 1.0), None),
    ],
)
def test_results(result: Any, kind: str, bounds: tuple[float, float] | None, value: float | None) -> None:
    score = read_result(result, kind, bounds)
    assert score.value == value
    assert (score.error is None) == (value is not None)


def test_numpy_numbers_are_numbers() -> None:
    import numpy as np

    assert read_result(np.float32(0.5), "bounded", (0.0, 1.0)).value == 0.5
    assert read_result(np.bool_(True), "binary", (0.0, 1.0)).value == 1.0


READS = "import json, sys; d = json.load(sys.stdin); print(json.dumps({'value': d['output'] == d['expected']}))"


@pytest.mark.parametrize(
    ("code", "settings", "value", "error"),
    [
        (READS, {}, 1.0, None),
        ("print(0.25)", {}, 0.25, None),
        ("print('words')", {}, None, "wrote no JSON: words"),
        ("import sys; sys.exit('\\x1b[31mbad')", {}, None, "exit code 1: ␛[31mbad"),
        ("import time; time.sleep(60)", {"time_limit_s": 0.2}, None, "longer than 0.2 s"),
        ("while True: print('y' * 9999)", {}, None, "more than 1,000,000 bytes"),
        ("import sys; sys.stdin.close(); print(True + 0)", {}, 1.0, None),
        ("print('NaN')", {}, None, "nan is not in [0.0, 1.0]"),
        ("import sys; sys.stdout.buffer.write(bytes(range(256)))", {}, None, "wrote no JSON"),
    ],
)
async def test_commands(
    project: ScorerContext, code: str, settings: dict[str, Any], value: float | None, error: str | None
) -> None:
    check = scorer("command", project, command=[sys.executable, "-c", code], **settings)
    score = await hear(check, sample("naïve", "naïve"), always(""))
    assert score.value == value
    assert (error or "") in (score.error or "")


async def test_commands_take_turns_and_waiting_is_not_their_time(project: ScorerContext, tmp_path: Path) -> None:
    import asyncio
    import os

    code = (
        "import os, time; n = len(os.listdir('on')); open(f'on/{os.getpid()}', 'w').close(); time.sleep(0.02);"
        "os.remove(f'on/{os.getpid()}'); print(n / 100)"
    )
    (tmp_path / "on").mkdir()
    check = scorer("command", project, command=[sys.executable, "-c", code])
    found = await asyncio.gather(*(hear(check, sample("x"), always("")) for _ in range(12)))
    values = [score.value for score in found if score.value is not None]
    assert len(values) == 12
    assert max(values) * 100 < max(2, os.cpu_count() or 1)


async def test_what_own_code_prints_is_no_part_of_the_answer(
    project: ScorerContext, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "scorers.py").write_text(f"print('loaded')\n{CODE}")
    async_one, sync_one = python(project, "talks_later"), python(project, "talks")
    found = await asyncio.gather(
        *(hear(async_one, sample("x"), always("")) for _ in range(3)), asyncio.to_thread(sync_one.score, sample("x"))
    )
    assert [score.value for score in found] == [1.0] * 4
    print("the answer")
    said = capsys.readouterr()
    assert said.out == "the answer\n"
    assert (said.err.count("loaded"), said.err.count("from own code")) == (2, 4)


@pytest.mark.parametrize("kind", ["", "async "])
async def test_a_function_that_exits_costs_its_row_only(project: ScorerContext, tmp_path: Path, kind: str) -> None:
    (tmp_path / "exits.py").write_text(f"import sys\n{kind}def f(row, output):\n    sys.exit(3)\n")
    score = await hear(scorer("python", project, python="exits.py:f"), sample("x"), always(""))
    assert (score.value, score.error) == (None, "the function called exit(3)")


async def test_an_async_function_has_a_time_limit(project: ScorerContext, tmp_path: Path) -> None:
    slow = "import asyncio\nasync def f(row, output):\n    await asyncio.Event().wait()\n"
    (tmp_path / "slow.py").write_text(slow + "def g(row, output):\n    return 1\n")
    score = await hear(scorer("python", project, python="slow.py:f", time_limit_s=0.05), sample("x"), always(""))
    assert (score.value, score.error) == (None, "the function took longer than 0.05 s")
    with pytest.raises(ConfigError, match="only an async function"):
        scorer("python", project, python="slow.py:g", time_limit_s=1)


async def test_a_command_that_is_not_there(project: ScorerContext) -> None:
    score = await hear(scorer("command", project, command=["no-such-program"]), sample("x"), always(""))
    assert score.value is None
    assert "cannot be started" in (score.error or "")


async def test_a_slow_commands_children_end_with_it(project: ScorerContext, tmp_path: Path) -> None:
    import os

    code = (
        "import os, subprocess, sys, time;"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(p.pid)); time.sleep(60)"
    )
    check = scorer("command", project, command=[sys.executable, "-c", code], time_limit_s=1.0)
    assert (await hear(check, sample("x"), always(""))).value is None
    child = int((tmp_path / "pid").read_text())
    for _ in range(1000):
        try:
            state = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            break
        if state == "Z":
            break
        os.sched_yield()
    else:
        pytest.fail("the child is still running")


def test_the_files_of_a_command_are_part_of_its_fingerprint(project: ScorerContext, tmp_path: Path) -> None:
    (tmp_path / "score.py").write_text("print(1)")
    before = scorer("command", project, command=["python", "score.py"], files=["score.py"])
    (tmp_path / "score.py").write_text("print(0)")
    after = scorer("command", project, command=["python", "score.py"], files=["score.py"])
    assert before.fingerprint != after.fingerprint
