import resource
import subprocess
import sys
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmexp_tui.errors import ConfigError
from llmexp_tui.project.toml import key_lines, parse_toml

DOCUMENT = '''\
# a comment with = and [brackets]
a = 1
[x.y]
b = "q=[" # not a key = 1
long = """
no = "key"
"""
[[e.gates]]
m = 1
[[e.gates]]
m = {a = 1, b = [1,
  2, {c = 3}]}
"quo.ted" = 1979-05-27T07:32:00Z
d.e = 1.5e3
[e.gates.sub]
z = [
  # why
  "x",
  "y",
]
'''

BOMBS = {
    "dotted key": "a." * 15_500 + "a=1",
    "quoted dotted key": '"a".' * 60_000 + "a=1",
    "dotted header": "[" + "a." * 15_500 + "a]",
    "dotted key in a table": "t={" + "a." * 15_500 + "a=1}",
    "nested lists": "a=" + "[" * 120_000,
    "nested tables": "a=" + "{a=" * 80_000,
    "escapes": 'a="' + '\\"' * 120_000,
    "long escapes": 'a="""' + '\\"""' * 60_000,
    "huge number": "a=" + "1" * 200_000,
    "equal lists": "[[a]]\n" * 40_000,
    "many tables": "".join(f"[t{i}]\n" for i in range(20_000)),
    "too long": "#" * 300_000,
}


def test_every_key_has_its_line():
    lines = key_lines(DOCUMENT)
    assert lines[("a",)] == 2
    assert lines[("x", "y", "b")] == 4
    assert lines[("x", "y", "long")] == 5
    assert lines[("e", "gates", 0, "m")] == 9
    assert lines[("e", "gates", 1, "m", "b", 2, "c")] == 12
    assert lines[("e", "gates", 1, "quo.ted")] == 13
    assert lines[("e", "gates", 1, "d", "e")] == 14
    assert lines[("e", "gates", 1, "sub", "z")] == 16
    assert lines[("e", "gates", 1, "sub", "z", 1)] == 19
    assert ("no",) not in lines


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_read_or_refused_quickly(text):
    try:
        assert key_lines(text) if parse_toml(text, "f") else True
    except ConfigError as error:
        assert error.sentence.startswith("f")


def test_no_bomb_takes_time_or_memory():
    code = (
        "from tests.unit.project.test_toml import BOMBS, ConfigError, key_lines, parse_toml\n"
        "for text in BOMBS.values():\n"
        "    try: parse_toml(text, 'f'); key_lines(text)\n"
        "    except ConfigError: pass\n"
    )

    def limit():
        resource.setrlimit(resource.RLIMIT_DATA, (300 << 20, 300 << 20))
        resource.setrlimit(resource.RLIMIT_CPU, (20, 20))

    subprocess.run([sys.executable, "-c", code], check=True, preexec_fn=limit)


def test_a_syntax_error_names_its_line():
    with pytest.raises(ConfigError, match="f:2: not TOML"):
        parse_toml("a = 1\nb = \n", "f")


def test_dots_inside_texts_and_numbers_are_normal():
    assert parse_toml('a = "' + "." * 100 + '"\nb = [' + "1.5, " * 50 + "]", "f")["b"][0] == 1.5


_KEYS = st.from_regex(r"[a-z]{1,3}|\"[a-z. =]{0,4}\"", fullmatch=True)
_VALUES = st.sampled_from(["1", '"x"', "[1, 2]", "{a = 1}", "1.5", "true", '"""\n"""', "'''a'''", "[{b = [1]}]", ""])
_LINES = st.one_of(
    st.builds("{} = {}".format, st.lists(_KEYS, min_size=1, max_size=3).map(".".join), _VALUES),
    st.builds("[{}]".format, st.lists(_KEYS, min_size=1, max_size=3).map(".".join)),
    st.builds("[[{}]]".format, st.lists(_KEYS, min_size=1, max_size=2).map(".".join)),
    st.text(max_size=12),
)


@given(st.lists(_LINES, max_size=12).map("\n".join))
def test_whatever_the_text_it_parses_or_is_a_config_error(text):
    try:
        parse_toml(text, "f")
    except ConfigError:
        return
    lines = key_lines(text)
    assert all(path in lines for path in _paths(tomllib.loads(text)))


def _paths(value, path=()):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from _paths(item, (*path, key))
