from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ids import Uuid7Sequence, uuid7, uuid7_time
from shared.testing.clock import FrozenClock


def test_an_id_is_a_version_7_uuid_of_the_rfc_variant() -> None:
    made = uuid7()
    assert made.version == 7
    assert made.variant == RFC_4122


def test_the_time_of_the_example_in_rfc_9562_is_read() -> None:
    example = UUID("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")
    assert uuid7_time(example) == datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)


def test_an_id_of_another_version_holds_no_time() -> None:
    with pytest.raises(ValueError, match="not a version 7"):
        uuid7_time(uuid4())


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9999, 1, 1)))  # noqa: DTZ001
def test_an_id_holds_the_millisecond_it_was_made_in(naive: datetime) -> None:
    now = naive.replace(tzinfo=UTC)
    milliseconds = now.microsecond // 1000 * 1000
    assert uuid7_time(Uuid7Sequence(FrozenClock(now))()) == now.replace(microsecond=milliseconds)


def test_ids_of_one_millisecond_rise() -> None:
    new_id = Uuid7Sequence(FrozenClock())
    made = [new_id() for _ in range(10_000)]
    assert made == sorted(set(made))


@given(st.lists(st.integers(-5_000, 5_000), min_size=1, max_size=50))
def test_ids_rise_while_the_clock_jumps_to_and_fro(jumps: list[int]) -> None:
    clock = FrozenClock()
    new_id = Uuid7Sequence(clock)
    made = []
    for jump in jumps:
        clock.advance(timedelta(milliseconds=jump))
        made += [new_id(), new_id()]
    assert made == sorted(set(made))


def test_an_exhausted_counter_borrows_the_next_millisecond() -> None:
    clock = FrozenClock()
    new_id = Uuid7Sequence(clock)
    before = new_id()
    new_id._counter = (1 << 42) - 1
    after = new_id()
    assert after > before
    assert uuid7_time(after) == clock() + timedelta(milliseconds=1)


def test_threads_never_share_an_id() -> None:
    new_id = Uuid7Sequence(FrozenClock())
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: new_id(), range(4_000)))
    assert len(set(made)) == len(made)
