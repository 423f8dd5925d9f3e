"""What is written to stdout: plain for a pipe and under NO_COLOR, coloured for a terminal, foreign text inert."""

import json
import os
import pty
import subprocess
import sys

import pytest

from llmexp_tui.cli import output

SHOWN = """
from llmexp_tui.cli import output
output.write_panel(" tone ✓ GATE PASSES\\n Registered\\n exact_match ✓ improved \\x1b]0;title\\x07 [bold]x[/nope]")
output.write_table(("A", "B"), [("[red]1[/red]", "\\x1b[31m2")], "none")
"""


def on_a_terminal(**changes):
    """What the code above writes to a pseudo-terminal."""
    main, other = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", **changes}
    with subprocess.Popen([sys.executable, "-c", SHOWN], stdout=other, stderr=other, env=env) as process:
        os.close(other)
        data = b""
        while True:
            try:
                chunk = os.read(main, 65536)
            except OSError:
                break
            if not chunk:
                break
            data += chunk
        process.wait()
    os.close(main)
    return data


def test_a_terminal_gets_colours_and_foreign_codes_stay_inert():
    data = on_a_terminal()
    assert b"\x1b[32m" in data
    assert b"\x1b]0;" not in data
    assert b"[bold]x[/nope]" in data
    assert b"[red]1[/red]" in data


@pytest.mark.parametrize("changes", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_escape_code_where_none_is_wanted(changes):
    assert b"\x1b" not in on_a_terminal(**changes)


def test_a_pipe_gets_plain_text(capsys):
    output.write("a\x1b[31mb\u202e")
    output.write_panel("✓ improved")
    assert capsys.readouterr().out == "a␛[31mb‹U+202E›\n✓ improved\n"


def test_a_table_is_aligned_and_says_when_it_is_empty(capsys):
    output.write_table(("NAME", "N"), [("a", 1), ("longer", 20)], "none")
    output.write_table(("NAME", "N"), [], "Nothing yet.")
    assert capsys.readouterr().out == "NAME    N\na       1\nlonger  20\nNothing yet.\n"


def test_json_is_ascii_and_refuses_nan(capsys):
    output.write_json({"a": "é\u202e\x1b"})
    text = capsys.readouterr().out
    assert text.isascii()
    assert json.loads(text) == {"a": "é\u202e\x1b"}
    with pytest.raises(ValueError, match="not JSON compliant"):
        output.write_json({"a": float("nan")})


def test_log_commands_in_foreign_text_are_broken(capsys):
    output.write("::error::x")
    output.write_table(("A",), [("::set-output name=a::b",)], "none")
    output.write_log_command("::error file=a::ours\n::error::not ours")
    lines = capsys.readouterr().out.split("\n")
    assert [line.startswith("::") for line in lines] == [False, False, False, True, False]


def test_a_stream_that_cannot_say_it_gets_question_marks():
    code = "from llmexp_tui.cli import output\noutput.write('✓ é')"
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=env, check=True)
    assert done.stdout == b"? ?\n"
