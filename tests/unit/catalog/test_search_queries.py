"""How queries are read: literally, and as they were probably meant."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.catalog.domain.search import Field, Unit
from services.catalog.search.lexicon import Lexicon
from services.catalog.search.queries import LONGEST_QUERY, MOST_UNITS, Reader
from services.catalog.search.segmentation import Segmenter

FREQUENCIES = {
    "数学": 5000,
    "语文": 5000,
    "历史": 900,
    "三年级": 4000,
    "年级": 9000,
    "年纪": 3,
    "课件": 8000,
    "函数": 200,
    "二次函数": 100,
    "上册": 9000,
    "人教版": 7000,
    "道德与法治": 300,
    "西安": 5,
    "unit": 50,
    "history": 9,
}


@pytest.fixture(scope="module")
def reader() -> Reader:
    segmenter = Segmenter()
    segmenter.learn(["人教版", "二次函数", "道德与法治"])
    return Reader(segmenter, Lexicon(FREQUENCIES, frozenset(["人教版", "三年级"])))


def words(units: Sequence[Unit]) -> list[set[str]]:
    return [{"".join(each.terms) for each in unit if each.field is Field.WORDS} for unit in units]


def test_each_word_is_a_unit_and_words_that_say_nothing_are_none(reader: Reader) -> None:
    units = reader.literal("三年级的数学和课件").units
    assert [min(found) if len(found) == 1 else "课件" for found in words(units)] == [
        "三年级",
        "数学",
        "课件",
    ]
    assert len(reader.literal("的").units) == 1


def test_words_of_texts_stand_behind_those_of_titles() -> None:
    texts = {"二次": 900, "语汇": 9, "二次寒暑": 90, "含数": 50, "麒麟": 1, "书学": 3}
    reader = Reader(Segmenter(), Lexicon(FREQUENCIES, texts=texts))
    [unit] = reader.literal("hanshu").units
    assert [each.terms for each in unit if each.field is Field.WORDS] == [
        *(("hanshu",), ("函数",), ("含数",))
    ]
    [unit] = reader.literal("qilin").units
    assert {each.field for each in unit} == {Field.WORDS, Field.SYLLABLES}
    assert [len(found) for found in words(reader.literal("qilinhanshu").units)] == [2, 3]
    told = [reader.corrected(typed) for typed in ("麒林", "书学", "qilim")]
    assert [each and each.meant for each in told] == ["麒麟", "数学", "麒麟"]


@pytest.mark.parametrize(
    "typed",
    ["ercihanshu kejian", "erci hanshu ke jian", "er ci han shu ke jian", "ercihanshukejian"],
)
def test_pinyin_is_cut_into_words_wherever_its_spaces_are(reader: Reader, typed: str) -> None:
    units = reader.literal(typed).units
    assert ["二次函数" in words(units)[0], "课件" in words(units)[1]] == [True, True]
    assert len(units) == 2


def test_pinyin_that_no_word_of_the_index_has_is_looked_up_by_syllables(reader: Reader) -> None:
    [unit] = reader.literal("guang he").units
    assert [each.terms for each in unit if each.field is Field.SYLLABLES] == [("guang", "he")]


def test_an_english_word_is_not_taken_for_pinyin(reader: Reader) -> None:
    [unit] = reader.literal("Unit").units
    assert {each.field for each in unit} == {Field.WORDS, Field.INITIALS}


def test_initials_are_looked_up_as_such(reader: Reader) -> None:
    [unit] = reader.literal("echs").units
    assert Field.INITIALS in {each.field for each in unit}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("二次函树课件", "二次函数课件"),
        ("三年纪数学", "三年级数学"),
        ("三年级书学上册", "三年级数学上册"),
        ("人教板数学", "人教版数学"),
        ("道德于法治", "道德与法治"),
        ("shuxeu", "数学"),
        ("shxue", "数学"),
        ("shuxxue", "数学"),
        ("shixue", "数学"),
        ("sannianjishuxeu", "三年级数学"),
        ("unti 3", "unit 3"),
        ("histroy", "history"),
    ],
)
def test_a_mistyped_query_is_told_as_it_was_meant(reader: Reader, typed: str, meant: str) -> None:
    found = reader.corrected(typed)
    assert found is not None
    assert found.meant == meant


@pytest.mark.parametrize("typed", ["三年级数学", "ercihanshu", "unit 3", "课件", "echs", "", "？"])
def test_what_is_right_is_not_corrected(reader: Reader, typed: str) -> None:
    assert reader.corrected(typed) is None


def test_what_was_typed_stays_beside_what_was_meant(reader: Reader) -> None:
    found = reader.corrected("三年纪数学")
    assert found is not None
    first = found.units[0]
    assert ("三", "年", "纪") in [each.terms for each in first]
    assert min(each.weight for each in first) < 1


def test_the_last_word_of_an_unfinished_query_may_go_on(reader: Reader) -> None:
    units = reader.literal("erci hans", unfinished=True).units
    begun = [each for each in units[-1] if each.prefix]
    assert ("han", "s") in [each.terms for each in begun]
    assert not any(each.prefix for each in reader.literal("erci hans").units[-1])


def test_names_of_terms_complete_what_is_typed(reader: Reader) -> None:
    assert reader.completed("ren", 3) == ["人教版"]
    assert reader.completed("数学 三", 3) == ["数学 三年级"]
    assert reader.completed("数学", 3) == []


@settings(deadline=None)  # the first call loads a dictionary
@given(st.text(max_size=LONGEST_QUERY))
def test_any_text_is_read_into_terms_without_signs(text: str) -> None:
    reader = READER
    for found in (reader.literal(text), reader.literal(text, unfinished=True)):
        assert len(found.units) <= MOST_UNITS
        for unit in found.units:
            assert unit
            for alternative in unit:
                assert alternative.terms
                assert all(
                    term and not set(term) & set(' "()[]*\\:^~.') for term in alternative.terms
                )


@settings(deadline=None)  # the first call loads a dictionary
@given(st.text("数学年级shuxeni ", max_size=24))
def test_any_text_is_corrected_into_a_query(text: str) -> None:
    found = READER.corrected(text)
    assert found is None or (found.meant and 0 < len(found.units) <= MOST_UNITS)


def test_what_is_very_long_is_taken_as_it_stands(reader: Reader) -> None:
    for typed in ("shuxeu" * 20, "三年纪书学" * 20):
        assert reader.corrected(typed) is None


READER = Reader(Segmenter(), Lexicon(FREQUENCIES))
