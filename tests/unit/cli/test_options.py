"""Root options mean the same wherever they stand, and senseless values are refused at once."""

from pathlib import Path

import pytest

from llmexp_tui.cli.options import RootOptions, checked_options, hoist
from llmexp_tui.errors import UsageError


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("run tone", "run tone"),
        ("run tone --fresh -C dir", "--fresh -C dir run tone"),
        ("-C dir run tone", "-C dir run tone"),
        ("run tone -Cdir --seed=3 --rows 5", "-Cdir --seed=3 run tone --rows 5"),
        ("demo DIR --check --report a.json --report=b.md", "--check --report a.json --report=b.md demo DIR"),
        ("compare --range -1,1 -e x", "-e x compare --range -1,1"),
        ("prompts label -- --fresh -C", "prompts label -- --fresh -C"),
        ("run --project", "--project run"),
        ("runs -e", "-e runs"),
        ("run -x -", "run -x -"),
    ],
)
def test_root_options_are_put_in_front(given, expected):
    assert hoist(given.split()) == expected.split()


@pytest.mark.parametrize(
    "options",
    [
        RootOptions(forge="gitea"),
        RootOptions(reports=(Path("report"),)),
        RootOptions(reports=(Path("report.pdf"),)),
        RootOptions(max_cost=-1.0),
        RootOptions(max_cost=float("nan")),
        RootOptions(project=Path("no such folder")),
    ],
)
def test_senseless_values_are_refused(options):
    with pytest.raises(UsageError):
        checked_options(options)


def test_sensible_values_pass(tmp_path):
    options = RootOptions(project=tmp_path, reports=(Path("a.JSON"), Path("b.html")), max_cost=0.0, forge="none")
    assert checked_options(options) is options
