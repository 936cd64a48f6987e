from collections.abc import Callable
from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.chinese_codes import (
    PROVINCES,
    SCHOOL_CATEGORIES,
    InvalidOfficialCode,
    Kind,
    mask_id_number,
    mask_phone,
    parse_credit_code,
    parse_division_code,
    parse_id_number,
    parse_organisation_code,
    parse_school_code,
    parse_student_number,
)

ID_NUMBER = "11010519491231002X"


def fault(parse: Callable[[str], object], text: str) -> tuple[Kind, str]:
    with pytest.raises(InvalidOfficialCode) as caught:
        parse(text)
    assert not text.strip() or text.strip() not in str(caught.value)
    return caught.value.kind, caught.value.reason


def with_check(parse: Callable[[str], object], body: str) -> str:
    """`body` with the one check character that `parse` accepts."""
    accepted = []
    for check in "0123456789X":
        with suppress(InvalidOfficialCode):
            parse(body + check)
            accepted.append(body + check)
    assert len(accepted) == 1
    return accepted[0]


id_numbers = st.builds(
    lambda division, born, serial: with_check(
        parse_id_number, f"{division:06}{born:%Y%m%d}{serial:03}"
    ),
    st.integers(110000, 829999),
    st.dates(min_value=date(1900, 1, 1), max_value=date(2026, 12, 31)),
    st.integers(0, 999),
)


def test_the_example_of_the_standard_is_read() -> None:
    parsed = parse_id_number(ID_NUMBER)
    assert parsed.number == ID_NUMBER
    assert parsed.birth_date == date(1949, 12, 31)
    assert parsed.sex == "2"


@pytest.mark.parametrize(
    "typed",
    ["11010519491231002x", "  11010519491231002X\n", "１１０１０５１９４９１２３１００２Ｘ"],
)
def test_an_id_number_is_read_however_it_was_typed(typed: str) -> None:
    assert parse_id_number(typed).number == ID_NUMBER


@given(id_numbers)
@settings(max_examples=25)
def test_every_changed_character_of_an_id_number_is_caught(number: str) -> None:
    for place, digit in enumerate(number):
        for other in "0123456789X".replace(digit, ""):
            kind, reason = fault(parse_id_number, number[:place] + other + number[place + 1 :])
            assert kind is Kind.ID_NUMBER
            assert reason == ("shape" if other == "X" and place < 17 else "check")


@given(id_numbers)
def test_every_exchange_of_neighbours_in_an_id_number_is_caught(number: str) -> None:
    for place in range(17):
        left, right = number[place], number[place + 1]
        if left != right:
            fault(parse_id_number, number[:place] + right + left + number[place + 2 :])


@given(id_numbers)
def test_the_seventeenth_digit_of_an_id_number_tells_the_sex(number: str) -> None:
    assert parse_id_number(number).sex == ("1" if number[16] in "13579" else "2")


@pytest.mark.parametrize("birth_date", ["20230229", "19000229", "20231301", "20230631", "00000101"])
def test_an_id_number_with_an_impossible_birth_date_is_refused(birth_date: str) -> None:
    reasons = {
        fault(parse_id_number, f"110105{birth_date}002{check}")[1] for check in "0123456789X"
    }
    assert reasons == {"check", "date"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "110105194912310",
        "1101051949123100",
        "11010519491231002XX",
        "11010519491231002Y",
        "X1010519491231002X",
        "110105 19491231002X",
        "١١٠١٠٥١٩٤٩١٢٣١٠٠٢X",
        "11010519491231002X\x00",
    ],
)
def test_an_id_number_of_another_shape_is_refused(text: str) -> None:
    assert fault(parse_id_number, text) == (Kind.ID_NUMBER, "shape")


def test_the_region_of_an_id_number_is_not_looked_up() -> None:
    assert parse_id_number(with_check(parse_id_number, "83000020150601001")).birth_date == date(
        2015, 6, 1
    )


@pytest.mark.parametrize(
    "shown",
    [parse_id_number(ID_NUMBER), parse_student_number("G" + ID_NUMBER)],
)
def test_a_persons_code_is_not_in_its_repr(shown: object) -> None:
    assert "1949" not in repr(shown)


def test_a_credit_code_is_read_with_the_organisation_code_inside() -> None:
    parsed = parse_credit_code("91350100m000100y43")
    assert parsed.code == "91350100M000100Y43"
    assert parsed.organisation_code == "M000100Y4"


def test_a_credit_code_whose_sum_is_a_multiple_of_31_has_the_check_0() -> None:
    assert parse_credit_code("91350100M000007Y30").code == "91350100M000007Y30"


@pytest.mark.parametrize("code", ["91350100M000100Y43", "91350100M000007Y30"])
def test_every_changed_character_of_a_credit_code_is_caught(code: str) -> None:
    for place, character in enumerate(code):
        for other in "0123456789ABCDEFGHJKLMNPQRTUWXY".replace(character, ""):
            kind, _ = fault(parse_credit_code, code[:place] + other + code[place + 1 :])
            assert kind is Kind.CREDIT_CODE


def test_a_credit_code_around_a_wrong_organisation_code_is_refused() -> None:
    faults = [
        fault(parse_credit_code, f"91350100M000100Y5{check}")
        for check in "0123456789ABCDEFGHJKLMNPQRTUWXY"
    ]
    assert faults.count((Kind.CREDIT_CODE, "check")) == 30
    assert faults.count((Kind.ORGANISATION_CODE, "check")) == 1


@pytest.mark.parametrize(
    "text",
    ["", "91350100M000100Y4", "91350100M000100Y433", "91350100I000100Y43", "9135010OM000100Y43"],
)
def test_a_credit_code_of_another_shape_is_refused(text: str) -> None:
    assert fault(parse_credit_code, text) == (Kind.CREDIT_CODE, "shape")


@pytest.mark.parametrize("typed", ["M000100Y4", "M000100Y-4", " m000100y－4 "])
def test_an_organisation_code_is_read_with_and_without_its_hyphen(typed: str) -> None:
    assert parse_organisation_code(typed) == "M000100Y4"


@given(st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=8, max_size=8))
def test_an_organisation_code_has_one_check_character(body: str) -> None:
    assert parse_organisation_code(with_check(parse_organisation_code, body)).startswith(body)


@pytest.mark.parametrize("text", ["", "M000100Y", "M000-100Y4", "M000100Y--4", "M000100YA"])
def test_an_organisation_code_of_another_shape_is_refused(text: str) -> None:
    assert fault(parse_organisation_code, text) == (Kind.ORGANISATION_CODE, "shape")


@pytest.mark.parametrize(
    ("text", "category", "province"),
    [("4111010001", "普通高等学校", "北京"), ("4133010003", "普通高等学校", "浙江")],
)
def test_a_school_code_tells_category_and_province(text: str, category: str, province: str) -> None:
    parsed = parse_school_code(text)
    assert (parsed.code, parsed.category, parsed.province) == (text, category, province)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2399000001", "category"),
        ("0111010001", "category"),
        ("2199000001", "province"),
        ("211101000", "shape"),
        ("21110100011", "shape"),
        ("21110１000a", "shape"),
    ],
)
def test_a_school_code_with_a_fault_is_refused(text: str, reason: str) -> None:
    assert fault(parse_school_code, text) == (Kind.SCHOOL_CODE, reason)


def test_every_category_and_province_makes_a_school_code() -> None:
    for category, category_name in SCHOOL_CATEGORIES.items():
        for province, province_name in PROVINCES.items():
            parsed = parse_school_code(f"{category}{province}000001")
            assert (parsed.category, parsed.province) == (category_name, province_name)


@pytest.mark.parametrize(
    ("typed", "form", "id_number"),
    [
        ("g" + ID_NUMBER.lower(), "G", ID_NUMBER),
        ("J110105201506010018", "J", None),
        ("L110105201506011234", "L", None),
    ],
)
def test_the_three_forms_of_a_student_number_are_read(
    typed: str, form: str, id_number: str | None
) -> None:
    parsed = parse_student_number(typed)
    assert (parsed.form, parsed.id_number) == (form, id_number)


def test_a_student_number_is_accepted_around_an_id_number_that_fails_its_check() -> None:
    assert parse_student_number("G110105194912310021").id_number == "110105194912310021"


@pytest.mark.parametrize(
    "text",
    ["", ID_NUMBER, "K" + ID_NUMBER, "G1101051949123100", "J11010520150601001X", "L1101052015060"],
)
def test_a_student_number_of_another_shape_is_refused(text: str) -> None:
    assert fault(parse_student_number, text) == (Kind.STUDENT_NUMBER, "shape")


def test_a_division_code_of_a_known_province_is_read() -> None:
    assert parse_division_code(" ３３0106 ") == "330106"


@pytest.mark.parametrize(
    ("text", "reason"), [("990000", "province"), ("33010", "shape"), ("3301061", "shape")]
)
def test_a_division_code_with_a_fault_is_refused(text: str, reason: str) -> None:
    assert fault(parse_division_code, text) == (Kind.DIVISION_CODE, reason)


def test_a_masked_id_number_shows_neither_birth_date_nor_serial() -> None:
    assert mask_id_number(ID_NUMBER) == "110**************X"


@pytest.mark.parametrize(
    ("phone", "shown"),
    [
        ("13800138000", "138****8000"),
        ("+8613800138000", "+86*******8000"),
        ("87654321", "******21"),
        ("12", "**"),
        ("", ""),
    ],
)
def test_a_masked_phone_hides_its_middle(phone: str, shown: str) -> None:
    assert mask_phone(phone) == shown
