import asyncio
from datetime import timedelta

import pytest

from services.identity.application import turns
from services.identity.application.turns import PLACES, SEATS, Turns


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "TURN", timedelta(seconds=0.05))


async def test_who_is_alone_has_the_turn() -> None:
    queue = Turns()
    assert await queue.drawn("here")
    assert await queue.drawn("here")


@pytest.mark.parametrize("number", [2, SEATS, 5 * SEATS])
async def test_a_turn_falls_to_one_of_all_that_wait(number: int) -> None:
    queue = Turns()
    assert sum(await asyncio.gather(*(queue.drawn("here") for _ in range(number)))) == 1


async def test_whoever_comes_last_may_be_drawn_too() -> None:
    queue = Turns()
    last = [(await asyncio.gather(*(queue.drawn("a") for _ in range(3))))[-1] for _ in range(30)]
    assert 1 <= sum(last) < 30


async def test_another_place_has_turns_of_its_own() -> None:
    queue = Turns()
    assert all(await asyncio.gather(queue.drawn("here"), queue.drawn("there")))


async def test_whoever_went_away_is_not_drawn() -> None:
    queue = Turns()
    gone = asyncio.ensure_future(queue.drawn("here"))
    await asyncio.sleep(0)
    gone.cancel()
    assert await queue.drawn("here")


async def test_more_places_than_may_wait_are_told_so_at_once() -> None:
    queue = Turns()
    drawn = await asyncio.gather(*(queue.drawn(place) for place in range(PLACES + 1)))
    assert drawn == [True] * PLACES + [False]
