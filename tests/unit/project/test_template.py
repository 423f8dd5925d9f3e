import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmexp_tui.errors import PromptError
from llmexp_tui.project.filters import FILTERS, MAX_LOOP
from llmexp_tui.project.template import compile_template


def render(source, /, **values):
    return compile_template(source, "p.md").render(values)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ a }}", "x"),
        ("{{ n }} {{ t }} {{ none }}|", "1.5 true |"),
        ("{{ items }}", '["one", "two"]'),
        ("{{ user.name }} {{ user['name'] }} {{ items[0] }} {{ items[-1] }}", "Ada Ada one two"),
        ("{% for i in items %}{{ loop.index }}{{ i }}{% if not loop.last %},{% endif %}{% endfor %}", "1one,2two"),
        ("{% for i in items if i != 'one' %}{{ i }}{% else %}none{% endfor %}", "two"),
        ("{% for i in items[:1] %}{{ i }}{% endfor %}", "one"),
        ("{% for d in docs %}{% for s in d.lines %}{{ s }}{% endfor %};{% endfor %}", "ab;c;"),
        ("{% if 'n' in items[0] and n > 1 %}yes{% endif %}", "yes"),
        ("{{ a | upper }} {{ a | replace('x', 'yy') }} {{ items | join(', ') }}", "X yy one, two"),
        ("{{ items | length }} {{ items | first }} {{ items | last }} {{ n | round }}", "2 one two 2.0"),
        ("{{ missing | default('-') }} {{ none | default('n') }}", "- n"),
        ("{{ user | tojson }}", '{"name": "Ada"}'),
        ("{{ long | truncate(12) }}", "word..."),
        ("{% if missing is defined %}{{ missing }}{% endif %}|", "|"),
        ("{{ missing if missing is defined else 'no' }}", "no"),
        ("{% raw %}{{ a }}{% endraw %}", "{{ a }}"),
        ("{# note #}{{ row['a b'] }}", "spaced"),
        ("{{ mark }}", "{{ a }}{% for %}"),
    ],
)
def test_what_a_prompt_may_say(source, text):
    values = {"a": "x", "n": 1.5, "t": True, "none": None, "items": ["one", "two"], "user": {"name": "Ada"},
              "docs": [{"lines": ["a", "b"]}, {"lines": ["c"]}], "long": "word " * 9, "a b": "spaced",
              "mark": "{{ a }}{% for %}"}  # fmt: skip
    assert render(source, **values) == text


FORBIDDEN = [
    "{{ 'a' * 10**9 }}", "{{ 10 ** 9 }}", "{{ a + a }}", "{{ a - 1 }}", "{{ a ~ a }}", "{{ -a }}", "{{ a // 2 }}",
    "{{ a() }}", "{{ a.format(1) }}", "{{ range(9) }}", "{{ ''.__class__ }}", "{{ a.__class__.__mro__ }}",
    "{{ a['__class__'].x() }}", "{{ self }}", "{{ self.__init__ }}", "{{ cycler }}{{ lipsum() }}",
    "{% set b = 1 %}", "{% set b %}x{% endset %}", "{% include 'x' %}", "{% import 'x' as y %}",
    "{% from 'x' import y %}", "{% extends 'x' %}", "{% block b %}{% endblock %}",
    "{% macro m() %}{% endmacro %}", "{% call m() %}{% endcall %}", "{% filter upper %}x{% endfilter %}",
    "{% with b = 1 %}{% endwith %}", "{% autoescape true %}{% endautoescape %}", "{% do a %}",
    "{% for i in range(9) %}{% endfor %}", "{% for i in 'abc' %}{% endfor %}", "{% for i in [1, 2] %}{% endfor %}",
    "{% for i in a recursive %}{% endfor %}", "{% for i in a %}{% for j in b %}{% endfor %}{% endfor %}",
    "{% for i in a %}{% for j in a %}{% endfor %}{% endfor %}",
    "{% for i in a %}{% for j in i %}{% for k in i %}{% endfor %}{% endfor %}{% endfor %}",
    "{% for row in a %}{% endfor %}", "{% for i in a | list %}{% endfor %}",
    "{{ a | map('upper') }}", "{{ a | attr('x') }}", "{{ a | format }}", "{{ a | center(999999999) }}",
    "{{ a | join(b) }}", "{{ a | replace('x', b) }}", "{{ a | truncate(length=b) }}", "{{ a is sameas b }}",
    "{{ {'a': 1} }}", "{{ a[b:c] }}", "{% break %}", "{% debug %}", "{{ caller() }}",
]  # fmt: skip


@pytest.mark.parametrize("source", FORBIDDEN)
def test_what_a_prompt_may_not_say(source):
    with pytest.raises(PromptError, match=r"^p\.md:1: "):
        compile_template(source, "p.md")


@pytest.mark.parametrize(
    "source",
    ["{{ a", "{% if a %}", "{% endif %}", "{{ }}", "{% unknown %}", "{{ 'x }}", "{{ (a }}", "{{ a | nofilter }}",
     "{{" + "(" * 5_000, "{{" + "[" * 300 + "]" * 300 + "}}", "{{" + "not " * 2_000 + "a}}",
     "{% if a %}" * 90 + "{% endif %}" * 90, "{{ 1" + "1" * 5_000 + " }}", "x" * 300_000,
     "{{ a.b" + ".c" * 900 + " }}"],
)  # fmt: skip
def test_a_broken_or_absurd_source_is_a_prompt_error(source):
    with pytest.raises(PromptError, match=r"^p\.md"):
        compile_template(source, "p.md")


def test_messages_name_the_line_and_the_nearest_filter():
    with pytest.raises(PromptError, match=r'p\.md:3: unknown filter "uper"; did you mean "upper"\?'):
        compile_template("one\ntwo\n{{ a | uper }}", "p.md")


def test_columns_that_are_needed_and_those_that_may_be_absent_are_told_apart():
    source = "{{ a }}\n{{ b | default('') }}{% if c is defined %}{{ c }}{% endif %}\n"
    source += "{% for i in d %}{{ i }}{% endfor %}{{ row['e f'] }}{{ loop }}"
    template = compile_template(source, "p.md")
    assert template.required == {"a": 1, "d": 3, "e f": 3, "loop": 3}
    assert template.optional == {"b": 2, "c": 2}


def test_a_value_that_the_row_lacks_is_named_with_its_line():
    with pytest.raises(PromptError, match=r"p\.md:2: this row lacks a value: 'b' is undefined"):
        render("{{ a }}\n{{ b }}", a=1)
    with pytest.raises(PromptError, match=r"p\.md:1: this row lacks a value"):
        render("{{ a.b.c }}", a={})


@pytest.mark.parametrize(
    ("source", "value"),
    [("{% for i in a %}{% endfor %}", "text"), ("{% for i in a %}{% endfor %}", {"k": 1}), ("{{ a | length }}", 1),
     ("{% for i in a %}{% endfor %}", None), ("{{ a | round }}", "x"), ("{% if a > 1 %}{% endif %}", "x"),
     ("{{ a[:1] }}", 1), ("{{ a | first }}", []), ("{{ a.items }}", {}), ("{{ a.upper }}", "x")],
)  # fmt: skip
def test_a_value_of_the_wrong_kind_is_a_prompt_error(source, value):
    with pytest.raises(PromptError, match=r"^p\.md:1: "):
        render(source, a=value)


@pytest.mark.parametrize(
    "source",
    ["{{ a }}" * 20, "{{ a | replace('x', 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy') }}",
     "{% for i in items %}{{ a }}{% endfor %}", "{{ items | join('" + "s" * 200_000 + "') }}",
     "{{ b | tojson | tojson | tojson | tojson | tojson | tojson }}"],
)  # fmt: skip
def test_nothing_grows_beyond_the_limit(source):
    with pytest.raises(PromptError, match="grows beyond 8 MB"):
        render(source, a="x" * 1_000_000, b='"' * 200_000, items=["y"] * 100)


def test_a_loop_has_a_limit():
    assert render("{% for i in a %}{% endfor %}", a=[0] * MAX_LOOP) == ""
    with pytest.raises(PromptError, match="a list of more than"):
        render("{% for i in a %}{% endfor %}", a=[0] * (MAX_LOOP + 1))


def test_constants_are_known_to_every_row_and_stay_what_they_are():
    known = {"examples": [{"t": "1"}]}
    template = compile_template("{% for e in examples %}{{ e.t }};{% endfor %}{{ t }}", "p.md", known)
    assert template.required == {"t": 1}
    assert template.render({"t": "2", "examples": ["other"]}) == "1;2"
    mixed = compile_template("{% for e in examples %}{{ e.t }}{{ t }}{% endfor %}", "p.md", known)
    assert mixed.render({"t": "2"}) == "12"


def test_a_loop_that_no_row_changes_is_rendered_once():
    known = {"examples": [{"text": f"message {i}", "label": "a"} for i in range(80)]}
    source = "{% for e in examples %}\nMessage: {{ e.text }}\nIntent: {{ e.label }}\n{% endfor %}{{ text }}"
    template = compile_template(source, "p.md", known)
    pieces = list(template._renderer._pieces({"text": "x", **known}))
    assert len(pieces) == 2
    assert pieces[0].count("Message:") == 80


@given(st.dictionaries(st.sampled_from(["a", "b"]), st.text(), min_size=2))
def test_whatever_a_row_holds_it_is_data(values):
    assert render("{{ a }}|{{ b }}", **values) == f"{values['a']}|{values['b']}"


_PARTS = st.sampled_from(
    ["{{", "}}", "{%", "%}", "#}", " a ", " b.c ", " for i in a ", " endfor ", " if a ", " endif ", " else ",
     "|upper", "|join('x')", "(", ")", "[", "]", "'", '"', "0", "1.5", "~", "*", "x", "\n", "row", "loop", ".", ",",
     " is defined", " not ", " in ", "set", "{{ a }}", "{% for i in a %}{{ i }}{% endfor %}", "\x00", "é"]
)  # fmt: skip
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(_PARTS, max_size=14).map("".join), st.dictionaries(st.sampled_from(["a", "b"]), _JSON))
def test_whatever_the_source_and_the_row_only_prompt_errors_come_out(source, values):
    try:
        assert isinstance(render(source, **values), str)
    except PromptError:
        pass


@given(st.sampled_from(sorted(set(FILTERS) - {"replace"})), _JSON)
def test_whatever_a_filter_gets_only_prompt_errors_come_out(name, value):
    try:
        render(f"{{{{ a | {name} }}}}", a=value)
    except PromptError:
        pass


def test_json_in_a_cell_stays_text():
    cell = json.dumps({"a": [1]})
    assert render("{{ a }}", a=cell) == cell
