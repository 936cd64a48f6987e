"""Taking turns, where more would guess at an account than may.

Every other turn is drawn by lot among browsers that were not there before, and every other goes to
the browser that has been refused in the most turns. So whoever comes in ever new browsers, however
many, leaves every second turn to those who keep theirs; and whoever keeps many is before the owner
in as many turns only as they have browsers that have waited longer.
"""

import asyncio
import secrets
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import timedelta

TURN = timedelta(seconds=5)
SEATS = 2
PLACES = 48
"""With seats of both kinds, together fewer than the requests that a gateway lets wait."""
ELSEWHERE = "elsewhere"
"""The place that all share when so many have turns."""
REMEMBERED = 4096
KEPT = timedelta(minutes=2)
"""How long a browser may stay away without losing what it has waited; of one place so many are
remembered, the latest."""

Waiting = dict[Hashable, asyncio.Future[bool]]


@dataclass(slots=True)
class _Place:
    new: Waiting = field(default_factory=dict)
    returning: Waiting = field(default_factory=dict)
    refused: dict[Hashable, "_Refused"] = field(default_factory=dict)
    """The latest stand last."""
    turn: int = 0
    running: bool = False
    owed: bool = True
    """Whether the next turn that both want goes to a browser that was refused before."""


@dataclass(frozen=True, slots=True)
class _Refused:
    """In how many turns a browser was refused, and in which, and when, last."""

    turns: int
    turn: int
    at: float


class Turns:
    """Turns at places, one a `TURN` at each. They are kept in the memory of this process: several
    replicas draw one each."""

    def __init__(self) -> None:
        self._places: dict[Hashable, _Place] = {}

    async def drawn(self, place: Hashable, browser: Hashable) -> bool:
        """Wait for the end of the turn; then, whether it fell to the browser, which has one seat
        however often it asks."""
        loop = asyncio.get_running_loop()
        self._forget(loop.time())
        running = sum(each.running for each in self._places.values())
        if running >= PLACES and not (place in self._places and self._places[place].running):
            place = ELSEWHERE
        at = self._places.setdefault(place, _Place())
        if not at.running:
            at.running = True
            at.turn += 1
            loop.call_later(TURN.total_seconds(), self._draw, place)
        waiting = at.returning if browser in at.refused else at.new
        if browser in waiting:
            _answer(waiting.pop(browser), drawn=False)
        mine: asyncio.Future[bool] = loop.create_future()
        waiting[browser] = mine
        if len(waiting) > SEATS:
            self._refuse(at, _least(at) if waiting is at.returning else _any(at.new), loop.time())
        return await mine

    def _draw(self, place: Hashable) -> None:
        at = self._places[place]
        at.running = False
        for waiting in (at.new, at.returning):
            for browser in [each for each, asked in waiting.items() if asked.done()]:
                del waiting[browser]  # whoever went away
        both = bool(at.new and at.returning)
        if at.returning and (at.owed or not at.new):
            chosen = max(at.returning, key=lambda each: at.refused[each].turns)
            _answer(at.returning.pop(chosen), drawn=True)
            del at.refused[chosen]
        elif at.new:
            chosen = _any(at.new)
            _answer(at.new.pop(chosen), drawn=True)
        if both:
            at.owed = not at.owed
        now = asyncio.get_running_loop().time()
        for browser in [*at.new, *at.returning]:
            self._refuse(at, browser, now)

    def _refuse(self, at: _Place, browser: Hashable, now: float) -> None:
        before = at.refused.pop(browser, _Refused(0, 0, now))
        turns = before.turns + (before.turn != at.turn)
        at.refused[browser] = _Refused(turns, at.turn, now)
        if len(at.refused) > REMEMBERED:
            del at.refused[next(each for each in at.refused if each not in at.returning)]
        for waiting in (at.new, at.returning):
            if browser in waiting:
                _answer(waiting.pop(browser), drawn=False)

    def _forget(self, now: float) -> None:
        for place, at in list(self._places.items()):
            while at.refused:
                browser, last = next(iter(at.refused.items()))
                if now - last.at <= KEPT.total_seconds() or browser in at.returning:
                    break
                del at.refused[browser]
            if not (at.running or at.refused):
                del self._places[place]


def _any(waiting: Waiting) -> Hashable:
    return secrets.choice(list(waiting))


def _least(at: _Place) -> Hashable:
    return min(at.returning, key=lambda each: at.refused[each].turns)


def _answer(waiting: asyncio.Future[bool], *, drawn: bool) -> None:
    if not waiting.done():  # whoever went away is
        waiting.set_result(drawn)
