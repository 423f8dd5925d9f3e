"""What is said to those who ask for help or ask amiss: one sentence, exit 2, nothing done."""

import os
import pty
import subprocess
import sys

import pytest

from tests.cli.program import COMMAND, llmexp

COMMANDS = ["demo", "init", "run", "aa", "compare", "plan", "resume", "datasets", "prompts", "runs", "doctor"]
FAMILIES = [("datasets", "list"), ("datasets", "diff"), ("prompts", "label"), ("prompts", "show"), ("runs", "show")]


@pytest.mark.parametrize("words", [(), *((name,) for name in COMMANDS), *FAMILIES])
def test_help_at_every_level(tmp_path, words):
    ended = llmexp(*words, "--help", cwd=tmp_path)
    assert ended.code == 0
    assert ended.err == ""
    assert ended.out.startswith(f"Usage: {' '.join(['llmexp-tui', *words])}")
    assert "\x1b" not in ended.out
    assert list(tmp_path.iterdir()) == []


def test_help_names_every_command_and_root_option(tmp_path):
    text = llmexp("--help", cwd=tmp_path).out
    options = [
        "--check",
        "--project",
        "--db",
        "--experiment",
        "--base",
        "--report",
        "--max-cost",
        "--offline",
        "--fresh",
        "--trust",
        "--forge",
        "--cache",
        "--label-on-pass",
        "--seed",
        "--debug",
        "--version",
    ]
    assert [name for name in (*COMMANDS, *options) if name not in text] == []


def test_version(tmp_path):
    from llmexp_tui._version import __version__

    assert llmexp("--version", cwd=tmp_path).out == f"llmexp-tui {__version__}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rnu"], "no such command 'rnu'"),
        (["--chek"], "no such option: --chek"),
        (["run"], "missing argument"),
        (["--check", "--forge", "gitea"], 'unknown forge "gitea"'),
        (["--check", "--report", "r.pdf"], "no ending that names a kind of report"),
        (["--check", "--max-cost", "lots"], "--max-cost"),
        (["--check", "-C", "nowhere"], "there is no folder nowhere"),
        (["--check"], "no llmexp.toml"),
        (["run", "tone", "--check"], "--check does not go with run"),
        (["run", "tone", "--report", "r.json"], "--report does not go with run"),
        (["compare", "tone", "--base", "main"], "--base does not go with compare"),
        (["compare"], "give an experiment, two runs, or --scores FILE"),
        (["compare", "--scores", "x.csv"], "--baseline A --candidate B"),
        (["compare", "--format", "yaml", "x"], 'unknown format "yaml"'),
        ([], "needs a terminal"),
        (["demo"], "needs a terminal"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_2(tmp_path, words, said):
    ended = llmexp(*words, cwd=tmp_path)
    assert ended.code == 2
    assert ended.out == ""
    assert said in ended.err
    assert ended.err.startswith("llmexp-tui: ")
    assert ended.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_without_a_terminal_the_sentence_names_check(tmp_path):
    assert "--check" in llmexp(cwd=tmp_path).err


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_terminal_that_cannot_be_drawn_on_is_refused(tmp_path, term):
    main, other = pty.openpty()
    try:
        done = subprocess.run(COMMAND, cwd=tmp_path, env={**os.environ, "TERM": term}, stdin=other, stdout=other,
                              stderr=subprocess.PIPE, timeout=30, check=False)  # fmt: skip
    finally:
        os.close(main)
        os.close(other)
    assert done.returncode == 2
    assert b"--check" in done.stderr


def test_hostile_words_do_not_act(tmp_path):
    ended = llmexp("--check", "-e", "\x1b]0;x\x07::error::", "-C", ".", cwd=tmp_path)
    assert "\x1b" not in ended.err
    assert "\x07" not in ended.err


def test_a_closed_pipe_is_no_error(tmp_path):
    script = f"{' '.join(COMMAND)} --help | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", script], cwd=tmp_path, capture_output=True, timeout=30)
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr


def test_the_module_is_the_same_program(tmp_path):
    done = subprocess.run([sys.executable, "-m", "llmexp_tui", "--version"], capture_output=True, check=True)
    assert done.stdout.startswith(b"llmexp-tui ")
