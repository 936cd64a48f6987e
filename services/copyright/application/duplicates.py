"""Comparing works with the registered ones: on asking, and each that was registered, afterwards."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.copyright.application.duplicates_ports import DuplicateStore, Flag, Taken
from services.copyright.application.intake import Stores
from services.copyright.domain.duplicates import (
    Compared,
    Match,
    passages,
    share,
    strongest,
    units,
)
from services.copyright.domain.duplicates_events import PossibleMatch, RegistrationMatched
from shared.access import Role, Rule
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import NotFound, Unavailable
from shared.principal import Principal
from shared.winnowing import Winnowed

COMPARE = Rule("copyright.read")
READ = Rule(
    "copyright.read",
    frozenset({Role.ADMINISTRATOR, Role.REVIEWER, Role.SUBJECT_EXPERT}),
    own=True,
)
LOOK_SECONDS = 5.0
BATCH = 32

Likenesses = Callable[[AsyncConnection], DuplicateStore]


async def keep_likeness(store: DuplicateStore, told: Mapping[str, Any]) -> None:
    """Keep the units and the prints of texts that the catalogue published."""
    texts = {
        each["path"]: Winnowed.decoded(each["letters"], each["every"], each["prints"])
        for each in told.get("texts", ())
    }
    for each in told["files"]:
        if each.get("iscc"):
            text = texts.get(each["path"])
            await store.keep(Compared(bytes.fromhex(each["sha256"]), units(each["iscc"]), text))


class Duplicates:
    def __init__(
        self, new_uow: Callable[[], UnitOfWork], likenesses: Likenesses, store: Stores
    ) -> None:
        self._new_uow = new_uow
        self._likenesses = likenesses
        self._store = store

    async def compare(
        self, files: Sequence[Compared], apart_from: UUID | None
    ) -> Sequence[Sequence[Match]]:
        """The registered works that are like each of `files`, but for those of the resource
        `apart_from`."""
        async with self._new_uow() as uow:
            found = await _matches(self._likenesses(uow.connection), files, apart_from)
            return await uow.commit(found)

    async def flags(
        self, caller: Principal, registration_id: UUID, limit: int, before: UUID | None
    ) -> Sequence[tuple[Match, datetime]]:
        """What a registration may be the same as: for its parties, and for those who review at its
        organisation or above. Raises `NotFound`, `Forbidden`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            record = await store.get(registration_id)
            if record is None:
                raise NotFound("There is no such registration.", zh="没有这项登记。")
            parties = {each.person for each in await store.parties(registration_id)}
            own = caller.subject if caller.subject in parties else None
            READ.admit(caller, record.organisation_path, owner=own)
            likenesses = self._likenesses(uow.connection)
            return await likenesses.flags(registration_id, limit, before)


class Comparing:
    """Flags registered works that are like one another, each soon after it was registered: nobody
    waits for it, and nothing is refused."""

    def __init__(
        self, new_uow: Callable[[], UnitOfWork], likenesses: Likenesses, clock: Clock
    ) -> None:
        self._new_uow = new_uow
        self._likenesses = likenesses
        self._clock = clock

    async def run(self) -> None:
        """Work for ever, in each replica."""
        while True:
            with suppress(Unavailable):
                while await self.step():
                    pass
            await asyncio.sleep(LOOK_SECONDS)

    async def step(self) -> bool:
        """Compare some files; whether there were any. Raises `Unavailable`."""
        async with self._new_uow() as uow:
            store = self._likenesses(uow.connection)
            taken = await store.take(BATCH)
            found = await _matches(store, [each.file for each in taken], None)
            flags = [
                flag
                for each, some in zip(taken, found, strict=True)
                for match in some
                for flag in _both(each, match)
            ]
            new = sorted(await store.flag(flags, self._clock()), key=lambda each: each.work.id)
            for work, some in groupby(new, key=lambda each: each.work):
                matched = [
                    PossibleMatch(m.work.code, m.path, m.tier, m.distance, m.share) for _, m in some
                ]
                uow.outbox.append(
                    RegistrationMatched(
                        work.id, work.code, work.resource_id, work.resource_version, matched
                    )
                )
                uow.audit.record(
                    "registration.matched",
                    f"registrations/{work.id}",
                    others=[each.code for each in matched],
                )
            return await uow.commit(bool(taken))


def _both(taken: Taken, match: Match) -> tuple[Flag, Flag]:
    """Each is told of the other, whichever came first."""
    back = replace(match, work=taken.work, path=taken.path)
    return Flag(taken.work, match), Flag(match.work, back)


async def _matches(
    store: DuplicateStore, files: Sequence[Compared], apart_from: UUID | None
) -> list[list[Match]]:
    found: list[list[Match]] = [[] for _ in files]
    for place, match in await store.same(files, apart_from):
        found[place].append(match)
    for place, match in await store.near(files, apart_from):
        found[place].append(match)
    for some, each in zip(found, files, strict=True):
        if each.winnowed is not None and each.winnowed.prints:
            texts = await store.texts_like(each, apart_from)
            some += await asyncio.to_thread(_contained, each.winnowed, texts)
    return [strongest(some) for some in found]


def _contained(own: Winnowed, texts: Sequence[tuple[Match, Winnowed]]) -> list[Match]:
    return [
        replace(match, share=found, passages=passages(own, other))
        for match, other in texts
        if (found := share(own, other)) is not None
    ]
