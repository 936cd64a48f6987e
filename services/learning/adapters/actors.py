"""Who is who: pseudonyms, and what they stand for under seal.

A person's identifier is kept as a keyed hash, to be found, and within the sealed agent, to be told
to whom xAPI says it must be told exactly. Rows about activity hold the pseudonym alone; when a
persona's row is gone, the statements that point to it name nobody.
"""

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence, Set
from uuid import UUID

import asyncpg
import orjson

from services.learning.adapters.pool import Pool
from services.learning.domain.xapi.contents import canonical, identifier_of
from services.learning.domain.xapi.records import ErasedPeople
from services.learning.domain.xapi.rules import Json
from services.learning.ports import Pseudonym
from shared.clock import Clock
from shared.encryption import KeyRing, Place
from shared.ids import uuid7

REMEMBERED = 100_000

_ACTORS = """
    INSERT INTO actors (id, identifier_hash, created_at)
    SELECT id, hash, $3 FROM unnest($1::uuid[], $2::bytea[]) AS new (id, hash) ORDER BY hash
    ON CONFLICT (identifier_hash) DO NOTHING
"""
_PERSONAS = """
    INSERT INTO personas (id, actor_id, digest, sealed)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::bytea[]) AS new
        (id, actor_id, digest, sealed)
    ORDER BY digest
    ON CONFLICT (digest) DO NOTHING
"""


class _Erased(Exception):
    def __init__(self, identifiers: Set[str]) -> None:
        super().__init__()
        self.identifiers = identifiers


class ActorDirectory:
    """Accounts of `issuer` are the people of the platform, however they are spelt."""

    def __init__(self, pool: Pool, keys: KeyRing, clock: Clock, issuer: str) -> None:
        self._pool = pool
        self._keys = keys
        self._clock = clock
        self._issuer = issuer
        self._known: OrderedDict[bytes, Pseudonym] = OrderedDict()
        self._agents: OrderedDict[UUID, Json] = OrderedDict()

    async def pseudonyms(self, agents: Sequence[Json]) -> Sequence[Pseudonym]:
        """Those of identified agents, given without members; unknown ones are committed. Raises
        `ErasedPeople`."""
        agents = [canonical(agent, self._issuer) for agent in agents]
        marks = [orjson.dumps(agent) for agent in agents]
        known = self._known
        if missing := {m: a for m, a in zip(marks, agents, strict=True) if m not in known}:
            try:
                found = await self._noted(missing)
            except _Erased as erased:
                those = [identifier_of(agent) in erased.identifiers for agent in agents]
                raise ErasedPeople([n for n, each in enumerate(those) if each]) from None
            known.update(found)
            answer = [found.get(mark) or known[mark] for mark in marks]
            while len(known) > REMEMBERED:
                known.popitem(last=False)
            return answer
        return [known[mark] for mark in marks]

    async def known(self, agent: Json) -> UUID | None:
        """Who this is, None if nobody ever spoke of them."""
        identifier = identifier_of(canonical(agent, self._issuer))
        hashes = self._keys.search_hashes("actors", identifier or "")
        async with self._pool.connection() as connection:
            found: UUID | None = await connection.fetchval(
                "SELECT id FROM actors WHERE identifier_hash = ANY($1) AND erased_at IS NULL",
                hashes,
            )
        return found

    async def named(self, personas: Sequence[UUID]) -> Mapping[UUID, Json]:
        """The agents as they were sent; erased ones are missing."""
        # Another process may have erased one: what is remembered saves the opening alone.
        async with self._pool.connection() as connection:
            rows = await connection.fetch(
                "SELECT id, sealed FROM personas WHERE id = ANY($1)", personas
            )
        for key, sealed in rows:
            if key not in self._agents:
                agent = orjson.loads(self._keys.decrypt("personas", sealed, _place(key)))
                self._agents[key] = agent
        found = {key: self._agents[key] for key, _ in rows}
        while len(self._agents) > REMEMBERED:
            self._agents.popitem(last=False)
        return found

    def forget(self, actors: Collection[UUID]) -> None:
        """Nothing that is remembered of them is told any more."""
        for mark in [mark for mark, each in self._known.items() if each.actor in actors]:
            self._agents.pop(self._known.pop(mark).persona, None)

    async def _noted(self, agents: Mapping[bytes, Json]) -> dict[bytes, Pseudonym]:
        """Look the agents up, and note those that are new. An earlier key's hash is looked for
        too, as a unique constraint sees one key only."""
        async with self._pool.connection() as connection, connection.transaction():
            actors = await self._actors(connection, agents)
            digests = {
                digest: mark
                for mark in agents
                for digest in self._keys.search_hashes("personas", mark.decode())
            }
            found = await self._personas(connection, digests)
            fresh = {mark: uuid7() for mark in agents if mark not in found}
            if fresh:
                await connection.execute(
                    _PERSONAS,
                    list(fresh.values()),
                    [actors[identifier_of(agents[mark]) or ""] for mark in fresh],
                    [self._keys.search_hash("personas", mark.decode()) for mark in fresh],
                    [
                        self._keys.encrypt(
                            "personas", orjson.dumps(agents[mark]).decode(), _place(key)
                        )
                        for mark, key in fresh.items()
                    ],
                )
                found = await self._personas(connection, digests)
        return found

    async def _personas(
        self, connection: asyncpg.Connection, digests: Mapping[bytes, bytes]
    ) -> dict[bytes, Pseudonym]:
        rows = await connection.fetch(
            "SELECT digest, actor_id, id FROM personas WHERE digest = ANY($1)", list(digests)
        )
        return {digests[digest]: Pseudonym(actor, key) for digest, actor, key in rows}

    async def _actors(
        self, connection: asyncpg.Connection, agents: Mapping[bytes, Json]
    ) -> dict[str, UUID]:
        """The pseudonyms by identifier."""
        identifiers = {identifier_of(agent) or "" for agent in agents.values()}
        by_hash = {h: i for i in identifiers for h in self._keys.search_hashes("actors", i)}
        found = await _actors_of(connection, by_hash)
        fresh = [i for i in identifiers if i not in found]
        if fresh:
            hashes = [self._keys.search_hash("actors", i) for i in fresh]
            await connection.execute(_ACTORS, [uuid7() for _ in fresh], hashes, self._clock())
            found = await _actors_of(connection, by_hash)
        return found


async def _actors_of(
    connection: asyncpg.Connection, by_hash: Mapping[bytes, str]
) -> dict[str, UUID]:
    rows = await connection.fetch(
        "SELECT identifier_hash, id, erased_at FROM actors WHERE identifier_hash = ANY($1)",
        list(by_hash),
    )
    if erased := {by_hash[found] for found, _, erased_at in rows if erased_at}:
        raise _Erased(erased)
    return {by_hash[found]: key for found, key, _ in rows}


def _place(persona: UUID) -> Place:
    return Place("personas", "sealed", str(persona))
