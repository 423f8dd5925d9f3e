from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llmexp_tui.scoring.fence import fenced, mark_for


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_the_mark_is_in_no_text_and_the_texts_come_back(texts: list[str]) -> None:
    data, mark = fenced([(f"part {index}", text) for index, text in enumerate(texts)])
    assert all(mark not in text for text in texts)
    assert data.count(mark) == 2 * len(texts)
    for index, text in enumerate(texts):
        inner = data.partition(f"[{mark} begin part {index}]\n")[2].partition(f"\n[{mark} end part {index}]")[0]
        assert inner == text


def test_the_same_texts_give_the_same_request() -> None:
    assert fenced([("answer", "x")]) == fenced([("answer", "x")])
    assert mark_for(["x"]) != mark_for(["y"])


def test_lone_surrogates_can_be_sent() -> None:
    data, _ = fenced([("answer", "a\ud800b")])
    assert "a?b" in data
