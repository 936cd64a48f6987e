"""Taking turns, where more would guess at an account than may: drawn by lot, as whoever asks first
or oftenest is the attacker."""

import asyncio
import secrets
from collections.abc import Hashable
from datetime import timedelta

TURN = timedelta(seconds=20)
SEATS = 8
PLACES = 64
"""Together fewer than the requests that a gateway lets wait for a service."""


class Turns:
    """Turns at places, one a `TURN` at each. They are kept in the memory of this process: several
    replicas draw one each."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, list[asyncio.Future[bool]]] = {}

    async def drawn(self, place: Hashable) -> bool:
        """Wait for the end of the turn; then, whether it fell to the caller."""
        loop = asyncio.get_running_loop()
        if place not in self._waiting:
            if len(self._waiting) >= PLACES:
                return False
            self._waiting[place] = []
            loop.call_later(TURN.total_seconds(), self._draw, place)
        waiting = self._waiting[place]
        mine: asyncio.Future[bool] = loop.create_future()
        waiting.append(mine)
        if len(waiting) > SEATS:
            _answer(waiting.pop(secrets.randbelow(len(waiting))), drawn=False)
        return await mine

    def _draw(self, place: Hashable) -> None:
        waiting = [each for each in self._waiting.pop(place) if not each.done()]
        chosen = secrets.choice(waiting) if waiting else None
        for each in waiting:
            _answer(each, drawn=each is chosen)


def _answer(waiting: asyncio.Future[bool], *, drawn: bool) -> None:
    if not waiting.done():  # whoever went away is
        waiting.set_result(drawn)
