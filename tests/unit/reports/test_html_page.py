"""The page: self-contained, without script, with the words that differ marked and nothing foreign that acts."""

import re
from html.parser import HTMLParser

from llmexp_tui.reports.html_page import check_html
from tests.unit.reports.build import check, experiment, hostile_check, row, row_scores

VOID = {"meta", "rect", "path", "circle"}


class Elements(HTMLParser):
    """Collects tags and attributes, and checks that every element is closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def test_it_needs_nothing_from_elsewhere():
    text = check_html(check())
    page = Elements(text)
    assert page.open == []
    assert not {"script", "link", "img", "iframe", "a"} & set(page.tags)
    assert not re.search(r"https?://|url\(|@import", text)
    assert "default-src 'none'" in text


def test_words_that_differ_are_marked():
    text = check_html(check())
    assert "<del>card_swallowed</del>" in text
    assert "<ins>lost_or_stolen_card</ins>" in text


def test_the_first_rows_are_open_the_others_folded_and_the_rest_counted():
    rows = tuple(row(row=f"r{i:04}") for i in range(100))
    text = check_html(check(experiment(worst_rows=rows, row_scores=(row_scores([(1.0, 0.0)] * 260),))))
    assert Elements(text).open == []
    before, folded = text.split("<details>")
    assert (before.count('class="row"'), folded.count('class="row"')) == (10, 90)
    assert "160 more rows got worse" in folded.split("</details>")[1]
    assert "<details>" not in check_html(check())


def test_nothing_foreign_acts():
    text = check_html(hostile_check())
    page = Elements(text)
    assert page.open == []
    assert "script" not in page.tags
    assert not any(char in text for char in "\x1b\x9b\u202e\ud800\x07")
    assert not any("octocat" in str(value) for _, value in page.attributes)


def test_the_interval_is_drawn_to_scale():
    text = check_html(check())
    line = re.search(r'<path d="M([\d.]+) 9H([\d.]+)"', text)
    dot = re.search(r'<circle cx="([\d.]+)"', text)
    left, right, middle = float(line[1]), float(line[2]), float(dot[1])
    assert 90 < left < middle < right < 180
    assert abs((middle - 90) / (right - 90) - 0.07 / 0.127) < 0.01
