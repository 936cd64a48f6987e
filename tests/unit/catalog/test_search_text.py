"""Folding, pinyin and words: the same for what is indexed and what is asked."""

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.catalog.search.pinyin import (
    LONGEST,
    SYLLABLES,
    initials_of,
    reading,
    split,
    syllables_of,
)
from services.catalog.search.segmentation import Segmenter
from services.catalog.search.text import fold, runs, spelled_out

ANY = st.text(max_size=60)
HAN = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1, max_size=20)
UNHURRIED = settings(deadline=None)  # the first call loads a dictionary
SYLLABLE = st.sampled_from(sorted(SYLLABLES))


@pytest.mark.parametrize(
    ("typed", "folded"),
    [
        ("ＡＢＣ　１２", "abc 12"),
        ("3年级", "三年级"),
        ("13年级", "13年级"),
        ("初一英语", "七年级英语"),
        ("初中三年级", "九年级"),
        ("高中一年级", "高一"),
        ("高3", "高三"),
        ("初步认识", "初步认识"),
        ("高一十班", "高一十班"),
        ("Shùxué", "shuxue"),
        ("lǜsè", "lvse"),
        ("xi'an", "xian"),
    ],
)
def test_what_means_the_same_is_written_the_same(typed: str, folded: str) -> None:
    assert fold(typed) == folded


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("三上语文", "三年级 上册 语文"),
        ("数学三下", "数学 三年级 下册"),
        ("一下数学", "一年级 下册 数学"),
        ("英语 五上", "英语 五年级 上册"),
        ("等一下", "等一下"),
        ("三上将", "三上将"),
    ],
)
def test_a_grade_and_volume_in_two_characters_are_written_out(typed: str, written: str) -> None:
    assert " ".join(spelled_out(typed).split()) == written


@given(ANY)
def test_folding_twice_changes_nothing_more(text: str) -> None:
    folded = fold(text)
    assert [run for _, run in runs(fold(folded))] == [run for _, run in runs(folded)]


@given(ANY)
def test_runs_hold_every_letter_and_digit_and_nothing_that_separates(text: str) -> None:
    folded = fold(text)
    held = "".join(run for _, run in runs(folded))
    assert not re.search(r"[\s_]", held)
    letters = [each for each in folded if unicodedata.category(each)[0] in "LN"]
    assert [each for each in held if unicodedata.category(each)[0] in "LN"] == [
        each for each in letters if each.isalnum() or each == "〇"
    ]


@given(st.lists(SYLLABLE, min_size=1, max_size=8))
def test_what_is_written_in_syllables_can_be_split_into_them(syllables: list[str]) -> None:
    found = split("".join(syllables))
    assert found is not None
    assert found[1] == ""
    assert "".join(found[0]) == "".join(syllables)
    assert set(found[0]) <= SYLLABLES
    assert len(found[0]) <= len(syllables)


@given(st.text("abcdefghijklmnopqrstuvwxyz", max_size=30))
def test_a_split_loses_no_letter(letters: str) -> None:
    found = split(letters)
    if found is not None:
        whole, rest = found
        assert "".join(whole) + rest == letters
        assert len(rest) < LONGEST


@pytest.mark.parametrize(
    ("typed", "whole", "rest"),
    [
        ("ercihanshu", ("er", "ci", "han", "shu"), ""),
        ("fangan", ("fan", "gan"), ""),
        ("xian", ("xian",), ""),
        ("hansh", ("han",), "sh"),
        ("zh", (), "zh"),
    ],
)
def test_unspaced_pinyin_is_split(typed: str, whole: tuple[str, ...], rest: str) -> None:
    assert split(typed) == (whole, rest)


def test_what_is_no_pinyin_is_not_split() -> None:
    assert split("shuxeu") is None
    assert split("unit") is None


@UNHURRIED
@given(HAN)
def test_a_word_has_a_reading_for_each_character(word: str) -> None:
    assert len(reading(word)) == len(word)


def test_characters_are_read_in_their_words() -> None:
    assert list(syllables_of(["音乐", "数学", "abc"])) == ["yin", "yue", "shu", "xue", "abc"]
    assert reading("绿色") == ("lv", "se")


def test_initials_begin_at_words() -> None:
    found = initials_of(["二次", "函数", "课件"])
    assert found == {"ec", "ech", "echs", "echsk", "echskj", "hs", "hsk", "hskj", "kj"}
    assert initials_of(["数", "unit", "学"]) == frozenset()


@UNHURRIED
@given(ANY)
def test_cutting_loses_and_invents_no_character(text: str) -> None:
    cut = SEGMENTER.cut(text)
    assert "".join(cut) == "".join(run for _, run in runs(fold(text)))


@UNHURRIED
@given(HAN)
def test_every_word_of_a_query_is_among_those_of_the_same_text(text: str) -> None:
    assert set(SEGMENTER.cut(text)) <= set(SEGMENTER.cut_all(text))


def test_terms_of_vocabularies_are_words() -> None:
    segmenter = Segmenter()
    segmenter.learn(["鲁教湘教版（试用）", "道德与法治"])
    assert segmenter.cut("鲁教湘教版道德与法治") == ["鲁教湘教版", "道德与法治"]


SEGMENTER = Segmenter()
