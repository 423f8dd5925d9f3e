"""Rules that hold in every source file, read from the syntax tree."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "llmexp_tui"
SOURCES = {path.relative_to(ROOT).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text("utf-8")) for name, path in SOURCES.items()}
TOP_LEVEL = {"pyproject.toml", "llmexp_tui", "tests", "sample_data", "README.md", "LICENSE"}
MAY_CATCH_ANYTHING = {
    "llmexp_tui/cli/main.py",  # the command line's boundary
    "llmexp_tui/worker.py",  # the worker's run boundary
    "llmexp_tui/engine/executor.py",  # one cell's fault is not the run's
    "llmexp_tui/scoring/outputs.py",  # a scorer's fault is counted with its row
    "llmexp_tui/scoring/own.py",  # a user's code may raise anything
    "llmexp_tui/providers/litellm_adapter.py",  # a library that raises anything
    "llmexp_tui/engine/writer.py",  # a thread's fault is carried to the loop, which stops the run
}
"""Where a fault of any kind is turned into something else. Elsewhere it may only be passed on after tidying up."""


def each(kind):
    return [(name, node) for name, tree in TREES.items() for node in ast.walk(tree) if isinstance(node, kind)]


def attribute_path(node):
    """`sys.stdout` of an attribute chain, "" of anything else."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def imported(node):
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]


def test_every_module_says_why_it_exists():
    silent = [name for name, tree in TREES.items() if not ast.get_docstring(tree)]
    assert [name for name in silent if name != "llmexp_tui/_version.py"] == []


def test_only_output_writes_to_stdout():
    prints = {name for name, node in each(ast.Call) if isinstance(node.func, ast.Name) and node.func.id == "print"}
    assert prints == set()
    writers = {name for name, node in each(ast.Attribute) if attribute_path(node) in ("sys.stdout", "sys.__stdout__")}
    # A terminal must be looked for before the app is opened, and own code's prints be kept away: neither writes.
    others = {"llmexp_tui/tui/surface.py", "llmexp_tui/scoring/aside.py"}
    assert writers - others == {"llmexp_tui/cli/output.py"}


def test_only_diagnostics_writes_to_stderr():
    writers = {name for name, node in each(ast.Attribute) if attribute_path(node) == "sys.stderr"}
    assert {name for name in writers if name.startswith("llmexp_tui/cli/")} == {"llmexp_tui/cli/diagnostics.py"}


def test_scipy_stats_is_imported_inside_functions_only():
    at_top = [
        name
        for name, tree in TREES.items()
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for module in imported(node)
        if module == "scipy.stats" or module.startswith("scipy.stats.")
        or (module == "scipy" and isinstance(node, ast.ImportFrom) and any(a.name == "stats" for a in node.names))
    ]  # fmt: skip
    assert at_top == []


@pytest.mark.parametrize("library", ["litellm", "aiohttp", "pyarrow"])
def test_dear_libraries_are_imported_inside_functions_only(library):
    at_top = [
        name
        for name, tree in TREES.items()
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for module in imported(node)
        if module.split(".")[0] == library
    ]
    assert at_top == []


def passes_on(handler):
    return isinstance(handler.body[-1], ast.Raise)


def test_anything_is_caught_only_at_the_boundaries():
    broad = {
        name
        for name, node in each(ast.ExceptHandler)
        for kind in (node.type.elts if isinstance(node.type, ast.Tuple) else [node.type])
        if (kind is None or attribute_path(kind) in ("Exception", "BaseException")) and not passes_on(node)
    }
    assert broad - MAY_CATCH_ANYTHING == set()


def test_the_app_never_parses_data_as_markup():
    parsers = ("Content.from_markup", "Text.from_markup")
    built = (ast.JoinedStr, ast.BinOp, ast.Call)
    calls = [
        f"{name}:{node.lineno}"
        for name, node in each(ast.Call)
        if name.startswith("llmexp_tui/tui/") and attribute_path(node.func) in parsers
        if node.args and isinstance(node.args[0], built)
    ]
    assert calls == []


def test_functions_and_modules_stay_readable():
    long_functions = [
        f"{name}:{node.lineno} {node.name}"
        for name, node in each(ast.FunctionDef | ast.AsyncFunctionDef)
        if (node.end_lineno or 0) - node.lineno >= 70
    ]
    assert long_functions == []
    assert [name for name, path in SOURCES.items() if path.read_text("utf-8").count("\n") > 500] == []


def test_the_top_level_holds_the_projects_shape_and_no_more():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        names = {path.name for path in ROOT.iterdir()}
    else:
        names = {line.partition("/")[0] for line in listed.stdout.splitlines()}
    assert {name for name in names if not name.startswith(".")} <= TOP_LEVEL


def test_no_file_names_a_folder_of_one_machine():
    found = [
        path.relative_to(ROOT).as_posix()
        for folder in (PACKAGE, ROOT / ".ci", ROOT / ".github")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in (".py", ".toml", ".yml", ".md", "")
        and re.search(r"(?<![\w.])/(?:home|Users|root|work)/\w", path.read_text("utf-8", "replace"))
    ]  # fmt: skip
    assert found == []
