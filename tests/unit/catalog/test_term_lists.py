"""Where the terms of machine review occur."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalog.domain.term_lists import (
    ListedTerm,
    Matcher,
    TermList,
    folded,
    texts_of,
)

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def matcher(*terms: str) -> Matcher:
    return Matcher([TermList("t", 1, NOW, None, [ListedTerm(each, "ad") for each in terms])])


def found(text: str, *terms: str) -> list[str]:
    return [text[each.start : each.end] for each in matcher(*terms).hits(text)]


UNSEEN = "\u200b\u034f\ufe00\ufe0f\u115f\u1160\u3164\uffa0\u2800\u0301\u20dd\U000e0100\u180b\u17b4"


@pytest.mark.parametrize(
    "text",
    [
        *("请加微信群", "请加微 信群", "请加\n微信\u3000群"),
        *(f"请加微{each}信{each}群{each}" for each in UNSEEN),
    ],
)
def test_a_term_is_found_however_it_is_spaced(text: str) -> None:
    (hit,) = matcher("微信群").hits(text)
    assert text[hit.start] == "微"
    assert text[hit.end - 1] == "群"


def test_width_case_and_marks_do_not_matter() -> None:
    assert found("加ＶＸ：abc", "vx") == ["ＶＸ"]
    assert found("加v\u0301x\u0327：abc", "vx") == ["v\u0301x"]


def test_terms_within_terms_are_all_told() -> None:
    assert found("大减价甩卖", "减价", "减价甩卖", "甩卖") == ["减价", "减价甩卖", "甩卖"]


def test_without_terms_nothing_is_found() -> None:
    assert found("无论什么") == []


def test_one_term_of_two_lists_is_told_for_both() -> None:
    lists = [TermList(name, 2, NOW, None, [ListedTerm("广告", "ad")]) for name in ("a", "b")]
    assert [each.list for each in Matcher(lists).hits("广告")] == ["a", "b"]


@given(st.text(max_size=40), st.text(min_size=1, max_size=3), st.text(max_size=40))
def test_what_is_there_is_found_where_it_is(before: str, term: str, after: str) -> None:
    if not folded(term)[0]:
        return
    text = before + term + after
    hits = list(matcher(term).hits(text))
    assert any(folded(text[each.start : each.end])[0] == folded(term)[0] for each in hits)
    assert all(0 <= each.start < each.end <= len(text) for each in hits)


def test_every_text_of_metadata_has_its_pointer() -> None:
    told = {"title": "一", "keywords": ["二", "三"], "a/b": {"c~": "四"}, "n": 5}
    assert dict(texts_of(told)) == {
        "/title": "一",
        "/keywords/0": "二",
        "/keywords/1": "三",
        "/a~1b/c~0": "四",
    }
