"""Personal data in the forms in which people write it, and numbers that are none."""

import string
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalog.domain import checks_personal
from services.catalog.domain.checks import Defect, Examined
from tests.unit.catalog.test_checks import clean, examined

DIGITS = string.digits
DIVISIONS = st.sampled_from(["110105", "330102", "510104", "650102"])
BIRTHS = st.dates(date(1930, 1, 1), date(2020, 12, 31))
MARKS = st.sampled_from(["", " ", "-"])


@st.composite
def id_numbers(draw: st.DrawFn) -> tuple[str, str, str]:
    """Division, date of birth, and serial with its check character."""
    division, birth = draw(DIVISIONS), f"{draw(BIRTHS):%Y%m%d}"
    serial = draw(st.text(DIGITS, min_size=3, max_size=3))
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    body = f"{division}{birth}{serial}"
    total = sum(int(each) * weight for each, weight in zip(body, weights, strict=True))
    return division, birth, serial + "10X98765432"[total % 11]


def kinds(text: str) -> list[str]:
    return [each.kind for each in checks_personal.find(text)]


@given(id_numbers(), MARKS, MARKS, st.sampled_from(["", "身份证 ", "No.", "ID", "ID.", "号："]))
def test_an_id_number_is_found_however_it_is_divided_and_introduced(
    parts: tuple[str, str, str], first: str, second: str, before: str
) -> None:
    division, birth, serial = parts
    assert kinds(f"{before}{division}{first}{birth}{second}{serial}。") == ["id-number"]


@given(
    st.sampled_from(["", "Tel.", "QQ", "tel", "手机", "微信：", "WX", "No."]),
    st.from_regex("1[3-9][0-9]{9}", fullmatch=True),
)
def test_a_mobile_number_is_found_behind_what_introduces_it(before: str, number: str) -> None:
    assert kinds(f"{before}{number}，") == ["phone"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1101 0519 4912 3100 2X", "id-number"),
        ("110105 1949 12 31 002X", "id-number"),
        ("身份证号码：110105491231002", "id-number"),
        ("010-62345678", "landline"),
        ("电话（0571）87654321", "landline"),
        ("Tel.0571-8765432", "landline"),
        ("138\u20131234\u20135678", "phone"),
        ("138.1234.5678", "phone"),
        ("（138）12345678", "phone"),
        ("138\n12345678", "phone"),
        ("138\u200b12345678", "phone"),
        ("110105\n19491231\n002X", "id-number"),
        ("护照号码：E12345678", "passport"),
        ("姓名\t护照\n王小明\tEA1234567", "passport"),
        ("Passport No. G12345678", "passport"),
        ("往来港澳通行证 C12345678", "travel-permit"),
        ("往来港澳通行证 CA1234567", "travel-permit"),
        ("往来台湾通行证 L12345678", "travel-permit"),
        ("回乡证 H1234567801", "travel-permit"),
        ("港澳居民来往内地通行证 M12345678", "travel-permit"),
        ("台胞证号：12345678", "travel-permit"),
    ],
)
def test_other_ways_to_write_one(text: str, expected: str) -> None:
    assert kinds(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "ISBN 978-7-107-18618-2",
        "ISBN 7-107-010-62345678",
        "2026-11-22 10:30:00",
        "20261122-20261231",
        "订单号 202611221030123456",
        "SF13812345678",
        "110105491231002",
        "3.13812345678",
        "013-62345678",
        "身份证号码：110105491331002",
        "110105 19491231 0021",
        "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15",
        "零件 E12345678",
        "护照办理热线见附件，EI1234567 为无效号码",
        "通行证自 20261122 起办理",
    ],
)
def test_ordinary_numbers_are_no_personal_data(text: str) -> None:
    assert kinds(text) == []


@given(st.dates(date(1900, 1, 1), date(2099, 12, 31)), st.integers(0, 10**8 - 1))
def test_a_date_with_a_serial_is_no_personal_data(day: date, serial: int) -> None:
    assert kinds(f"编号 {day:%Y%m%d}-{serial:08}") == []


def test_file_names_and_descriptions_are_looked_through() -> None:
    file = clean(filename="张三13812345678.pdf", alt_text="身份证 110105 19491231 002X")
    about: Examined = examined(files=[file])
    found: list[Defect] = list(checks_personal.in_files(about))
    assert [(each.code, each.pointer) for each in found] == [
        ("personal-phone", "#/files/0"),
        ("personal-id-number", "#/files/0/alt_text"),
    ]
    assert found[0].values["place_zh"] == "（文件名）"
