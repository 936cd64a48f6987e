"""What passes the door can be kept, counted and added up, whatever is sent."""

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.learning.domain.xapi.aggregates import MOST_DURATION_MS, Progress
from services.learning.domain.xapi.contents import Figures, canonical, figures_of
from services.learning.domain.xapi.statements import check
from services.learning.domain.xapi.values import LONGEST_DURATION_MS, Version, instant, milliseconds
from shared.civil import civil_date
from tests.unit.learning.statements import spoilt

ISSUER = "https://shuyuan.example/identity"
PERSON = "0193a000-0000-7000-8000-00000000000a"
PLACES = (
    *("actor/name", "verb/display/zh-CN", "object/definition/name/zh-CN", "result/response"),
    *("object/id", "actor/mbox", "object/definition/moreInfo", "context/platform"),
    *("object/definition/choices/0/id", "object/definition/correctResponsesPattern"),
    *("context/team/name", "context/instructor/account/name", "context/language"),
    *("result/extensions/https:~x", "object/definition/extensions"),
)


def told(path: str, text: str) -> dict[str, Any]:
    if path.endswith("extensions"):
        return spoilt(path, {"https://e.example": [{text: text}]})
    if path.endswith("~x"):
        return spoilt("result/extensions", {f"https://e.example/{text}": text})
    value: dict[str, Any] = {
        "actor/mbox": f"mailto:{text}@s.example",
        "object/id": f"https://l.example/{text}",
        "object/definition/correctResponsesPattern": [text],
    }
    return spoilt(path, value.get(path, text))


@given(
    st.sampled_from(PLACES), st.text(st.characters(), max_size=3), st.sampled_from("\0\ud800\udfff")
)
def test_nul_and_half_characters_are_refused_wherever_they_stand(
    path: str, text: str, bad: str
) -> None:
    places = [defect.pointer for defect in check(told(path, f"{text}{bad}{text}"), Version.V2)]
    wanted = path.removesuffix("/https:~x").split("/")[0]
    assert any(place.startswith(f"/{wanted}") for place in places), places


NUMBERS = st.integers(-(10**308), 10**308) | st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(NUMBERS, min_size=3, max_size=3, unique=True))
def test_every_score_between_its_ends_is_between_nought_and_one(numbers: list[float]) -> None:
    low, raw, high = sorted(numbers)
    sent = spoilt("result/score", {"raw": raw, "min": low, "max": high})
    assert check(sent, Version.V2) == []
    scaled = figures_of(sent).scaled
    assert scaled is not None
    assert math.isfinite(scaled)
    assert 0 <= scaled <= 1


@given(st.integers(0, 10**20), st.integers(0, 10**400))
def test_no_duration_is_longer_than_can_be_added_up(years: int, seconds: int) -> None:
    duration = f"P{years}YT{seconds}.5S"
    length = milliseconds(duration)
    assert 0 <= length <= LONGEST_DURATION_MS
    refused = bool(check(spoilt("result/duration", duration), Version.V2))
    assert refused is (length == LONGEST_DURATION_MS)


def test_however_much_is_sent_the_sum_is_bounded_and_the_same_in_any_order() -> None:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    lengths = [LONGEST_DURATION_MS, 1, MOST_DURATION_MS, 5]
    sums = set()
    for each in (lengths, lengths[::-1]):
        progress = Progress(at, at)
        for length in each:
            progress.add(at, Figures(None, None, False, None, length))
        sums.add(progress.duration_ms)
    assert sums == {MOST_DURATION_MS}


@pytest.mark.parametrize(
    "timestamp",
    [
        "9999-12-31T23:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "1899-12-31T23:59:59Z",
        "2200-01-01T00:00Z",
    ],
)
@pytest.mark.parametrize("path", ["timestamp", "stored"])
def test_times_beyond_the_calendar_of_the_store_are_refused(path: str, timestamp: str) -> None:
    assert [each.pointer for each in check(spoilt(path, timestamp), Version.V1)] == [f"/{path}"]


@given(st.datetimes(), st.integers(-14 * 60, 14 * 60))
def test_a_time_that_passes_has_a_day(at: datetime, minutes: int) -> None:
    offset = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    written = f"{at.isoformat()}{offset}"
    if not check(spoilt("timestamp", written), Version.V1):
        assert 1900 <= civil_date(instant(written, Version.V1)).year <= 2200


def test_an_extension_that_is_nested_without_end_is_refused() -> None:
    deep: Any = "x"
    for _ in range(300):
        deep = [deep]
    for path in ("result/extensions", "context/extensions", "object/definition/extensions"):
        [defect] = check(spoilt(path, {"https://e.example": deep}), Version.V2)
        assert defect.pointer.startswith(f"/{path}/")


@pytest.mark.parametrize("home", [ISSUER, f"{ISSUER}/", ISSUER.upper()])
@pytest.mark.parametrize("name", [PERSON, PERSON.upper()])
def test_a_person_of_the_platform_is_one_however_spelt(home: str, name: str) -> None:
    found = canonical({"name": "王", "account": {"homePage": home, "name": name}}, ISSUER)
    assert found == {"name": "王", "account": {"homePage": ISSUER, "name": PERSON}}


@pytest.mark.parametrize("home", ["https://other.example/", f"{ISSUER}/x"])
def test_other_accounts_are_told_as_they_are(home: str) -> None:
    other = {"account": {"homePage": home, "name": PERSON.upper()}}
    assert canonical(other, ISSUER) is other
