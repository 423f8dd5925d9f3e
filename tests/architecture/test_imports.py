"""What importing costs, at run time: a static graph cannot see an import inside a function, a subprocess can."""

import json
import subprocess
import sys

import pytest

HEAVY = {"litellm", "scipy", "textual", "sqlmodel", "sqlalchemy", "numpy", "pydantic", "aiohttp", "rich", "jinja2"}


def loaded(code: str) -> set[str]:
    """Top-level names in sys.modules after running the code in a process of its own."""
    tail = "import json, sys; sys.stderr.write(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{tail}"], capture_output=True, text=True, check=True)
    return set(json.loads(done.stderr))


def program(*words: str) -> str:
    return f"from llmexp_tui.cli.main import main\nassert main({list(words)!r}) == 0"


def test_importing_the_package_imports_nothing():
    code = "import sys; before = set(sys.modules); import llmexp_tui; new = set(sys.modules) - before"
    check = "assert {n for n in new if n.startswith('llmexp_tui')} == {'llmexp_tui'}, new"
    assert not HEAVY & loaded(f"{code}\n{check}")


@pytest.mark.parametrize(
    "words", [("--help",), ("--version",), ("run", "--help"), ("compare", "--help"), ("datasets", "--help")]
)
def test_help_pays_for_nothing(words):
    assert not HEAVY & loaded(program(*words))


@pytest.mark.parametrize(
    ("module", "never"),
    [
        ("llmexp_tui.tui.app", {"litellm", "scipy", "aiohttp"}),
        ("llmexp_tui.workflows.session", {"litellm", "scipy", "textual", "rich", "aiohttp"}),
        ("llmexp_tui.workflows.check", {"litellm", "textual", "rich"}),
        ("llmexp_tui.providers.base", {"litellm", "aiohttp", "textual"}),
        ("llmexp_tui.providers.demo", {"litellm", "aiohttp", "scipy", "textual"}),
        ("llmexp_tui.providers.litellm_adapter", {"litellm", "textual"}),
        ("llmexp_tui.providers.openai_lane", {"litellm", "aiohttp", "textual"}),
        ("llmexp_tui.project.config", {"litellm", "scipy", "textual", "sqlmodel", "numpy"}),
        ("llmexp_tui.reports.text_panel", {"litellm", "textual", "sqlmodel", "rich"}),
        ("llmexp_tui.stats", {"litellm", "textual", "sqlmodel", "rich", "jinja2"}),
        ("llmexp_tui.domain.experiment", HEAVY),
    ],
)
def test_a_module_does_not_bring_along_what_it_must_not(module, never):
    assert not never & loaded(f"import {module}")


def test_the_statistics_tests_library_waits_until_it_is_needed():
    code = "import llmexp_tui.stats, llmexp_tui.workflows.check, sys\nassert 'scipy.stats' not in sys.modules"
    assert "llmexp_tui" in loaded(code)
