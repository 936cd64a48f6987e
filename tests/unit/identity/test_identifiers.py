from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain.identifiers import (
    LOGIN_KINDS,
    IdentifierKey,
    IdentifierKind,
    InvalidIdentifier,
    birth_date_in,
    doubts,
    identify,
    international,
    login_keys,
    rivals,
    twin,
)

ID_NUMBER = "11010519491231002X"  # GB 11643-1999, the example of the standard
OTHER_ID_NUMBER = "110105201406010019"
KIND = IdentifierKind


@pytest.mark.parametrize(
    ("kind", "typed", "canonical"),
    [
        (KIND.USERNAME, " Ｚhang.Wei ", "zhang.wei"),
        (KIND.USERNAME, "李老师", "李老师"),
        (KIND.PHONE, "+86 138-0000-8000", "13800008000"),
        (KIND.PHONE, "008613800008000", "13800008000"),
        (KIND.PHONE, "１３８００００８０００", "13800008000"),
        (KIND.PHONE, "+852 5123 4567", "+85251234567"),
        (KIND.EMAIL, "Zhang@Example.CN", "zhang@example.cn"),
        (KIND.STUDENT_NUMBER, f"g{ID_NUMBER.lower()}", f"G{ID_NUMBER}"),
        (KIND.STAFF_NUMBER, "t-1001", "T-1001"),
        (KIND.ID_NUMBER, ID_NUMBER.lower(), ID_NUMBER),
    ],
)
def test_what_is_typed_differently_is_the_same(
    kind: IdentifierKind, typed: str, canonical: str
) -> None:
    assert identify(kind, typed).value == canonical


@pytest.mark.parametrize(
    ("kind", "typed"),
    [
        (KIND.USERNAME, "x"),
        (KIND.USERNAME, "zhang wei"),
        (KIND.USERNAME, "zhang\x00wei"),
        (KIND.PHONE, "12800008000"),
        (KIND.PHONE, "1380000800"),
        (KIND.EMAIL, "zhang"),
        (KIND.EMAIL, "a b@example.cn"),
        (KIND.STUDENT_NUMBER, "X11010519491231002X"),
        (KIND.STAFF_NUMBER, "教师001"),
        (KIND.ID_NUMBER, "110105194912310021"),
    ],
)
def test_what_is_none_is_refused_without_being_repeated(kind: IdentifierKind, typed: str) -> None:
    with pytest.raises(InvalidIdentifier) as refused:
        identify(kind, typed)
    assert typed not in str(refused.value)


@pytest.mark.parametrize("typed", ["13800008000", f"G{ID_NUMBER}", f"L{'0' * 18}"])
def test_a_username_that_looks_like_a_number_is_refused(typed: str) -> None:
    with pytest.raises(InvalidIdentifier, match="phone number"):
        identify(KIND.USERNAME, typed)


@pytest.mark.parametrize("typed", ["аdmin", "сосо", "αdmin", "liмing"])
def test_a_username_is_of_one_script_that_looks_like_no_other(typed: str) -> None:
    with pytest.raises(InvalidIdentifier, match="script"):
        identify(KIND.USERNAME, typed)


@pytest.mark.parametrize("typed", ["李明", "李明li", "ئالىم", "liming"])
def test_a_username_may_be_chinese_latin_or_of_a_minority_script(typed: str) -> None:
    assert identify(KIND.USERNAME, typed).value == typed


@given(st.text(max_size=40))
def test_a_login_is_tried_as_every_kind_whatever_was_typed(typed: str) -> None:
    assert tuple(key.kind for key in login_keys(typed)) == LOGIN_KINDS


@given(st.sampled_from(IdentifierKind), st.text(max_size=40))
def test_a_canonical_form_is_its_own(kind: IdentifierKind, typed: str) -> None:
    try:
        key = identify(kind, typed)
    except InvalidIdentifier:
        return
    assert identify(kind, key.value) == key


def test_every_identifier_that_signs_in_is_found_by_what_it_is() -> None:
    key = identify(KIND.STAFF_NUMBER, "T1001")
    assert key in login_keys("t1001")
    assert IdentifierKey(KIND.USERNAME, "t1001") in rivals(key)
    assert rivals(identify(KIND.ID_NUMBER, ID_NUMBER)) == [identify(KIND.ID_NUMBER, ID_NUMBER)]


@pytest.mark.parametrize(
    ("kind", "value", "masked"),
    [
        (KIND.USERNAME, "zhangwei", "zh******"),
        (KIND.USERNAME, "ab", "a*"),
        (KIND.PHONE, "13800008000", "138****8000"),
        (KIND.EMAIL, "zhang@example.cn", "z***@example.cn"),
        (KIND.STUDENT_NUMBER, f"G{ID_NUMBER}", "G11***************X"),
        (KIND.STAFF_NUMBER, "T1001", "T1***"),
        (KIND.ID_NUMBER, ID_NUMBER, "110**************X"),
    ],
)
def test_it_is_shown_masked(kind: IdentifierKind, value: str, masked: str) -> None:
    assert identify(kind, value).masked == masked
    assert value not in repr(identify(kind, value))


def test_a_phone_is_told_with_its_country() -> None:
    assert international("13800008000") == "+8613800008000"
    assert international("+85251234567") == "+85251234567"


def test_an_id_number_and_the_formal_student_number_foretell_each_other() -> None:
    number = identify(KIND.ID_NUMBER, ID_NUMBER)
    student = identify(KIND.STUDENT_NUMBER, f"G{ID_NUMBER}")
    assert twin(number) == student
    assert twin(student) == number
    assert twin(identify(KIND.STUDENT_NUMBER, f"L{'0' * 18}")) is None


def test_a_student_number_of_another_id_number_is_doubtful() -> None:
    number = identify(KIND.ID_NUMBER, ID_NUMBER)
    assert doubts([number, identify(KIND.STUDENT_NUMBER, f"G{ID_NUMBER}")], None) == []
    (doubt,) = doubts([number, identify(KIND.STUDENT_NUMBER, f"G{OTHER_ID_NUMBER}")], None)
    assert "学籍号" in doubt


def test_a_birth_date_is_read_from_the_numbers() -> None:
    student = identify(KIND.STUDENT_NUMBER, f"G{OTHER_ID_NUMBER}")
    assert birth_date_in([student]) == date(2014, 6, 1)
    assert birth_date_in([student, identify(KIND.ID_NUMBER, ID_NUMBER)]) == date(1949, 12, 31)
    assert birth_date_in([identify(KIND.STUDENT_NUMBER, f"G{'1' * 18}")]) is None
    assert doubts([student], date(2014, 6, 2))
    assert not doubts([student], date(2014, 6, 1))
