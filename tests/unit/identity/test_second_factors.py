from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain.second_factors import (
    WrongCode,
    code_at,
    matching_step,
    new_recovery_codes,
    new_secret,
    provisioning_address,
    read_recovery_code,
    shown_secret,
    step_of,
)

RFC_SECRET = b"12345678901234567890"
NOW = datetime(2026, 9, 1, 8, 0, 10, tzinfo=UTC)
STEP = timedelta(seconds=30)

secrets = st.binary(min_size=20, max_size=20)


@pytest.mark.parametrize(
    ("unix_time", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_codes_of_rfc_6238_are_computed(unix_time: int, code: str) -> None:
    assert code_at(RFC_SECRET, unix_time // 30) == code[-6:]


RFC_4226_CODES = [
    "755224",
    "287082",
    "359152",
    "969429",
    "338314",
    "254676",
    "287922",
    "162583",
    "399871",
    "520489",
]


@pytest.mark.parametrize(("count", "code"), list(enumerate(RFC_4226_CODES)))
def test_the_codes_of_rfc_4226_are_computed(count: int, code: str) -> None:
    assert code_at(RFC_SECRET, count) == code


@given(secrets)
def test_the_present_code_and_its_neighbours_are_taken(secret: bytes) -> None:
    for offset in (-1, 0, 1):
        code = code_at(secret, step_of(NOW) + offset)
        assert matching_step(secret, code, NOW, None) >= step_of(NOW) - 1


@given(secrets, st.integers(2, 1000) | st.integers(-1000, -2))
def test_a_code_of_another_time_is_refused(secret: bytes, offset: int) -> None:
    code = code_at(secret, step_of(NOW) + offset)
    if code not in {code_at(secret, step_of(NOW) + near) for near in (-1, 0, 1)}:
        with pytest.raises(WrongCode):
            matching_step(secret, code, NOW, None)


@given(secrets)
def test_a_code_is_used_up_with_its_step(secret: bytes) -> None:
    code = code_at(secret, step_of(NOW))
    step = matching_step(secret, code, NOW, None)
    if code not in {code_at(secret, step + 1), code_at(secret, step - 1)}:
        with pytest.raises(WrongCode):
            matching_step(secret, code, NOW, step)
        with pytest.raises(WrongCode):
            matching_step(secret, code, NOW + STEP, step)


@given(secrets)
def test_an_earlier_code_is_refused_after_a_later_one(secret: bytes) -> None:
    earlier, later = code_at(secret, step_of(NOW) - 1), code_at(secret, step_of(NOW))
    if earlier != later and earlier != code_at(secret, step_of(NOW) + 1):
        step = matching_step(secret, later, NOW, None)
        with pytest.raises(WrongCode):
            matching_step(secret, earlier, NOW, step)


@pytest.mark.parametrize("typed", ["{0} {1}", " {0}{1}\n", "{0}\u3000{1}"])
def test_a_code_is_read_with_spaces(typed: str) -> None:
    code = code_at(RFC_SECRET, step_of(NOW))
    assert matching_step(RFC_SECRET, typed.format(code[:3], code[3:]), NOW, None)


@given(st.text(max_size=12))
def test_any_other_text_is_no_code(text: str) -> None:
    codes = {code_at(RFC_SECRET, step_of(NOW) + offset) for offset in (-1, 0, 1)}
    if "".join(text.split()) not in codes:
        with pytest.raises(WrongCode):
            matching_step(RFC_SECRET, text, NOW, None)


def test_the_address_for_authenticators_names_account_and_platform() -> None:
    secret = new_secret()
    address = urlsplit(provisioning_address(secret, "zhang wei", "云山书院"))
    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    assert unquote(address.path) == "/云山书院:zhang wei"
    assert parse_qs(address.query) == {
        "secret": [shown_secret(secret)],
        "issuer": ["云山书院"],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }


def test_ten_recovery_codes_are_all_different() -> None:
    codes = new_recovery_codes()
    assert len(set(codes)) == 10
    assert [read_recovery_code(code) for code in codes] == codes


@pytest.mark.parametrize(
    "typed", ["7K3M-9QXB-D4T0", "7k3m9qxbd4to", " 7K3M 9QXB D4T0 ", "７Ｋ３Ｍ—9QXB—D4TO"]
)
def test_a_recovery_code_is_read_however_it_was_typed(typed: str) -> None:
    assert read_recovery_code(typed) == "7K3M-9QXB-D4T0"


@pytest.mark.parametrize("typed", ["", "7K3M-9QXB", "7K3M-9QXB-D4T0-7", "7K3M-9QXB-D4TU", "恢复码"])
def test_what_is_no_recovery_code_is_told_from_one(typed: str) -> None:
    assert read_recovery_code(typed) is None
