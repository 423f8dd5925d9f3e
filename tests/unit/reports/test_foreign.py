"""Foreign text is harmless in Markdown, XML and CI logs, and still readable."""

import re

import pytest

from llmexp_tui.reports.foreign import defuse_commands, md_code, md_fence, md_text, xml_text
from tests.unit.reports.build import HOSTILE

ACTS_IN_A_LOG = re.compile(r"^\s*::|##\[|##vso\[", re.MULTILINE)


@pytest.mark.parametrize(
    "text", ["::error::x", "  ::stop-commands::t", "a\n::set-output name=a::b", "x ##[group]y", "##vso[task]"]
)
def test_log_commands_are_broken(text):
    assert ACTS_IN_A_LOG.search(text)
    assert not ACTS_IN_A_LOG.search(defuse_commands(text))


def test_ordinary_colons_stay():
    assert defuse_commands("std::vector is fine: a::b") == "std::vector is fine: a::b"


@pytest.mark.parametrize(
    "text", ["@octocat", "mail a@b.example", "fixes #12", "GH-12", "!3", "http://x.example", "www.x.example"]
)
def test_references_do_not_link(text):
    shown = md_text(text)
    assert not re.search(r"[@#!]\w|GH-\d|://|www\.", shown)
    assert shown.replace("\u200b", "") == text


def test_markup_is_shown_not_applied():
    assert md_text("<b>*a* _b_ `c` [d](e) | f") == r"&lt;b&gt;\*a\* \_b\_ \`c\` \[d\](e) \| f"


@pytest.mark.parametrize("shown", [md_text, md_fence])
@pytest.mark.parametrize("text", ["/merge", "  /close", "a\n/approve\nb", "```\n/assign @me"])
def test_no_line_is_an_order_to_a_forge(shown, text):
    assert not re.search(r"^\s*/\w", shown(text), re.MULTILINE)
    assert "/tmp/a" in shown("see /tmp/a")


@pytest.mark.parametrize("text", ["a", "`", "``a``", "a|b", ""])
def test_a_code_span_cannot_be_left(text):
    shown = md_code(text)
    fence = re.match(r"`+", shown).group()
    inside = shown[len(fence) : -len(fence)]
    assert shown.endswith(fence)
    assert fence not in re.findall(r"`+", inside)


@pytest.mark.parametrize("text", ["plain", "```\nout", "a\n``````\nb", HOSTILE])
def test_a_fence_cannot_be_closed(text):
    lines = md_fence(text).split("\n")
    fence = re.match(r"`+", lines[0]).group()
    assert len(fence) >= 3
    assert lines[-1] == fence
    assert not any(line.strip().startswith(fence) for line in lines[1:-1])
    assert not ACTS_IN_A_LOG.search("\n".join(lines))


def test_a_long_text_says_how_much_is_missing():
    assert "… 200 more characters" in md_fence("x" * 1000, 800)


def test_xml_has_no_character_that_it_forbids():
    assert not re.search(
        "[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", xml_text(HOSTILE + "\x00\uffff\ufffe")
    )
