import string
import unicodedata
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.adapters.authentication import common_passwords
from services.identity.domain.passwords import LONGEST, PROFILES, Defect, defects, normalised

NIST, DJBH3 = PROFILES["nist"], PROFILES["djbh3"]
COMMON = common_passwords()
GOOD = "a heron stands in the river"

any_text = st.text(max_size=80)


def found(
    password: str,
    profile: str = "nist",
    *,
    with_factor: bool = False,
    context: Collection[str] = (),
) -> set[Defect]:
    return set(
        defects(
            PROFILES[profile],
            normalised(password),
            with_factor=with_factor,
            common=COMMON,
            context=context,
        )
    )


@pytest.mark.parametrize("password", [GOOD, "床前明月光疑是地上霜举头望明月低头", "Tr7#" * 4 + "x"])
def test_a_long_password_of_any_kind_is_good(password: str) -> None:
    assert found(password) == set()


def test_fifteen_characters_are_asked_of_a_password_alone() -> None:
    assert found("heron river gap") == set()
    assert found("heron river ga") == {Defect.TOO_SHORT}


def test_eight_characters_are_enough_beside_a_second_factor() -> None:
    assert found("her gap7", with_factor=True) == set()
    assert found("her gap", with_factor=True) == {Defect.TOO_SHORT}


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), min_size=64, max_size=64))
def test_sixty_four_characters_are_never_too_many(password: str) -> None:
    assert Defect.TOO_LONG not in found(password) or len(normalised(password)) > LONGEST


def test_a_password_longer_than_any_person_types_is_refused() -> None:
    assert found("heron " * 50) >= {Defect.TOO_LONG}


@pytest.mark.parametrize(
    "password", ["heron\nriver\tgap!", "heron river gap\x00", "heron river gap\x7f"]
)
def test_control_characters_are_refused(password: str) -> None:
    assert found(password) == {Defect.STRANGE_CHARACTER}


@pytest.mark.parametrize(
    "password",
    [
        "password12345678",
        "12345678password!!",
        "Qwertyuiop!!2026",
        "woaini1314!!!!!!!",
        "shuyuan123456...",
    ],
)
def test_a_common_password_with_trimmings_is_refused(password: str) -> None:
    assert found(password) == {Defect.COMMON}


@pytest.mark.parametrize(
    "password",
    [
        "aaaaaaaaaaaaaaaaaa",
        "abcabcabcabcabcabc",
        "1234567890123456",
        "0987654321098765",
        "abcdefghijklmnopq",
        "qwertyuiopasdfghjkl",
        "1qaz2wsx3edc4rfv5tgb",
        "sunshinesunshine",
    ],
)
def test_repetitions_and_walks_are_refused(password: str) -> None:
    assert Defect.PATTERN in found(password)


@given(st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=4), st.integers(5, 20))
def test_a_short_thing_again_and_again_is_always_refused(unit: str, times: int) -> None:
    assert Defect.PATTERN in found(unit * times)


@pytest.mark.parametrize(
    ("password", "word"),
    [
        ("zhangwei2026!!!", "zhangwei"),
        ("13800138000abcd", "13800138000"),
        ("云山书院云山书院云山书院云山", "云山书院"),
        ("ZHANGWEIzhangwei", "ZhangWei"),
    ],
)
def test_a_password_made_of_ones_own_names_is_refused(password: str, word: str) -> None:
    assert Defect.CONTAINS_NAME in found(password, context={word})


def test_a_name_within_a_long_sentence_is_no_defect() -> None:
    assert found("zhangwei saw a heron in the river", context={"zhangwei"}) == set()


def test_a_name_of_one_or_two_letters_forbids_nothing() -> None:
    assert found(GOOD, context={"", "a", "in"}) == set()


@given(any_text)
def test_the_profile_of_nist_has_no_rule_of_composition(password: str) -> None:
    assert Defect.TOO_FEW_CLASSES not in found(password)


@pytest.mark.parametrize(
    ("password", "good"),
    [
        ("Heron-river", True),
        ("heron7river!", True),
        ("HERON7river", True),
        ("heronriver7", False),
        ("heron-river", False),
        ("Heronriver", False),
        ("白鹭river7号", True),
    ],
)
def test_three_classes_of_four_are_asked_under_djbh3(password: str, good: bool) -> None:
    assert (Defect.TOO_FEW_CLASSES not in found(password, "djbh3")) is good


def test_eight_characters_are_enough_under_djbh3() -> None:
    assert found("Her0n-ab", "djbh3") == set()
    assert found("Her0n-a", "djbh3") == {Defect.TOO_SHORT}


def test_a_password_equal_to_the_username_is_refused_under_djbh3() -> None:
    assert found("Zhang-Wei7", "djbh3", context={"zhang-wei7"}) == {Defect.CONTAINS_NAME}


def test_a_password_comes_of_age_after_ninety_days_under_djbh3_and_never_under_nist() -> None:
    changed = datetime(2026, 1, 1, tzinfo=UTC)
    later = changed + timedelta(days=90)
    assert DJBH3.expired(changed, later)
    assert not DJBH3.expired(changed, later - timedelta(seconds=1))
    assert not NIST.expired(changed, changed + timedelta(days=9_000))


def test_full_width_letters_and_plain_ones_are_the_same_password() -> None:
    assert normalised("ｈｅｒｏｎ　７") == normalised("heron 7")


@given(any_text)
def test_a_normalised_password_stays_as_it_is(password: str) -> None:
    assert normalised(normalised(password)) == normalised(password)


@given(any_text)
def test_however_the_system_composes_letters_the_password_is_the_same(password: str) -> None:
    decomposed = unicodedata.normalize("NFD", password)
    assert normalised(decomposed) == normalised(unicodedata.normalize("NFC", password))


def test_every_defect_is_told_at_once() -> None:
    assert found("zhangzhang", "djbh3", context={"zhang"}) == {
        Defect.CONTAINS_NAME,
        Defect.TOO_FEW_CLASSES,
    }
    assert found("aaa\n") == {Defect.TOO_SHORT, Defect.STRANGE_CHARACTER}


def test_the_blocklist_is_in_lower_case_and_of_some_length() -> None:
    assert len(COMMON) > 2_000
    assert all(each == each.lower() and len(each) >= 6 for each in COMMON)
