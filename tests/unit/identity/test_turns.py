import asyncio
import itertools
from collections.abc import Hashable
from datetime import timedelta

import pytest

from services.identity.application import turns
from services.identity.application.turns import PLACES, SEATS, Turns, _Place, _Refused


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "TURN", timedelta(seconds=0.05))


async def test_who_is_alone_has_the_turn() -> None:
    queue = Turns()
    assert await queue.drawn("here", "me")
    assert await queue.drawn("here", "me")


@pytest.mark.parametrize("number", [2, SEATS, 10 * SEATS])
async def test_a_turn_falls_to_one_of_all_that_wait(number: int) -> None:
    queue = Turns()
    assert sum(await asyncio.gather(*(queue.drawn("here", each) for each in range(number)))) == 1


async def test_a_browser_has_one_seat_however_often_it_asks() -> None:
    queue = Turns()
    drawn = [queue.drawn("here", "me") for _ in range(5)]
    assert await asyncio.gather(*drawn) == [False] * 4 + [True]


async def test_whoever_comes_last_may_be_drawn_too() -> None:
    last = []
    for _ in range(40):
        queue = Turns()
        last.append((await asyncio.gather(*(queue.drawn("a", each) for each in range(2))))[-1])
    assert 1 <= sum(last) < 40


@pytest.mark.parametrize("flood", [20, 400])
async def test_who_keeps_trying_has_one_turn_in_three_however_many_new_browsers_come(
    flood: int,
) -> None:
    queue = Turns()
    numbers = itertools.count()

    async def others() -> list[bool]:
        return await asyncio.gather(*(queue.drawn("here", next(numbers)) for _ in range(flood)))

    await others()
    drawn = [(await asyncio.gather(queue.drawn("here", "owner"), others()))[0] for _ in range(3)]
    assert any(drawn)


async def test_who_was_refused_longest_is_before_those_who_came_later() -> None:
    queue = Turns()
    now = asyncio.get_running_loop().time()
    refused: dict[Hashable, _Refused] = {"late": _Refused(1, 0, now), "early": _Refused(5, 0, now)}
    queue._places["here"] = _Place(refused=refused)
    drawn = await asyncio.gather(*(queue.drawn("here", each) for each in list(refused)))
    assert drawn == [False, True]


async def test_another_place_has_turns_of_its_own() -> None:
    queue = Turns()
    assert all(await asyncio.gather(queue.drawn("here", "me"), queue.drawn("there", "me")))


async def test_whoever_went_away_is_not_drawn() -> None:
    queue = Turns()
    gone = asyncio.ensure_future(queue.drawn("here", "gone"))
    await asyncio.sleep(0)
    gone.cancel()
    assert await queue.drawn("here", "me")


async def test_beyond_so_many_places_the_others_share_one() -> None:
    queue = Turns()
    drawn = await asyncio.gather(*(queue.drawn(place, place) for place in range(PLACES + 2)))
    assert drawn[:PLACES] == [True] * PLACES
    assert sorted(drawn[PLACES:]) == [False, True]


async def test_a_place_that_nobody_comes_to_any_more_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns, "KEPT", timedelta(0))
    queue = Turns()
    await asyncio.gather(*(queue.drawn("here", each) for each in range(9)))
    assert await queue.drawn("there", "me")
    assert "here" not in queue._places
