"""Snippets: nothing of a text becomes HTML, whatever it says and whatever is asked."""

from html import unescape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.catalog.domain.search import Alternative, Field, Unit
from services.catalog.search.snippets import WIDTH, Marks

HOSTILE = st.text(st.sampled_from("<>&\"'/ abmark分数课件script=();#x\n"), max_size=80)


def asked(*words: str) -> Marks:
    units: list[Unit] = [(Alternative(Field.WORDS, (word,)),) for word in words]
    return Marks(units)


def plain(html: str) -> str:
    return unescape(html.replace("<mark>", "").replace("</mark>", ""))


@settings(deadline=None)
@given(
    HOSTILE, st.lists(st.sampled_from(["分数", "mark", "amp", "lt", "script", "课"]), max_size=3)
)
def test_without_its_marks_a_snippet_is_the_text(text: str, words: list[str]) -> None:
    html = asked(*words).whole(text)
    assert plain(html) == text
    bare = html.replace("<mark>", "").replace("</mark>", "")
    assert not set(bare) & set("<>\"'")
    assert html.count("<mark>") == html.count("</mark>")


@settings(deadline=None)
@given(HOSTILE, st.integers(0, 300), st.integers(0, 300))
def test_an_excerpt_is_short_and_holds_what_was_asked(text: str, before: int, after: int) -> None:
    told = asked("分数").excerpt("前" * before + "分数" + text + "后" * after)
    assert told is not None
    assert "<mark>分数</mark>" in told
    assert len(plain(told)) <= WIDTH + 2
    assert not set(told.replace("<mark>", "").replace("</mark>", "")) & set("<>\"'\n")


@pytest.mark.parametrize(
    ("words", "text", "html"),
    [
        (("分数",), "分数与分数", "<mark>分数</mark>与<mark>分数</mark>"),
        (("二次", "二次函数"), "二次函数", "<mark>二次函数</mark>"),
        (("unit",), "Unit 3, reunited", "<mark>Unit</mark> 3, reunited"),
        ((), "<b>", "&lt;b&gt;"),
    ],
)
def test_words_are_marked(words: tuple[str, ...], text: str, html: str) -> None:
    assert asked(*words).whole(text) == html


@pytest.mark.parametrize(
    ("field", "terms"),
    [(Field.SYLLABLES, ("er", "ci")), (Field.INITIALS, ("ec",)), (Field.CHARACTERS, ("二", "次"))],
)
def test_what_sounds_as_it_was_typed_is_marked(field: Field, terms: tuple[str, ...]) -> None:
    marks = Marks([(Alternative(field, terms),)])
    assert marks.whole("学二次函数") == "学<mark>二次</mark>函数"


def test_where_nothing_is_marked_there_is_no_excerpt() -> None:
    assert asked("分数").excerpt("整数") is None


def test_the_lines_of_an_excerpt_are_one_and_its_marks_stay_in_place() -> None:
    assert asked("分数").excerpt("整数\r\n小数\n分数") == "整数  小数 <mark>分数</mark>"
