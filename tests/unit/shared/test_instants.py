from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.instants import Instant

INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)


def test_an_instant_is_read_into_utc() -> None:
    read = INSTANT.validate_python("2026-09-01T08:00:00+08:00")
    assert read == datetime(2026, 9, 1, tzinfo=UTC)
    assert read.tzinfo is UTC


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-23:00"])
def test_an_offset_that_leads_out_of_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="between the years 1 and 9999"):
        INSTANT.validate_python(text)


def test_an_instant_without_an_offset_is_refused() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        INSTANT.validate_python("2026-09-01T08:00:00")
