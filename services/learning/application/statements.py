"""Statements: storing them, finding them, and telling them as the client asked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.learning.application.applications import Access, Registry
from services.learning.application.consents import Bounds
from services.learning.application.intake import NOBODY, PERSONA, Intake
from services.learning.application.recorder import Recorder
from services.learning.domain.applications import Application, Scope, ScopeMissing
from services.learning.domain.xapi import exact
from services.learning.domain.xapi.attachments import Part, hashes_in
from services.learning.domain.xapi.contents import (
    activities_in,
    agents_in,
    attachment_key,
    key_of,
)
from services.learning.domain.xapi.queries import (
    UNKNOWN,
    Format,
    Found,
    Position,
    StatementQuery,
)
from services.learning.domain.xapi.records import Batch, StatementNotFound
from services.learning.domain.xapi.rules import Json
from services.learning.domain.xapi.telling import in_words_of, with_ids_only
from services.learning.domain.xapi.values import Version, told
from services.learning.ports import Actors, Applications, StatementSource

ERASED = {"account": {"homePage": "urn:shuyuan", "name": "erased"}}
"""Stands for a person whose name is gone."""


@dataclass(frozen=True, slots=True)
class Told:
    """Statements as JSON, where they go on, and the attachments that were asked for."""

    statements: Sequence[Json]
    last_stored: datetime | None = None
    after: Position | None = None
    parts: Sequence[Part] = ()


@dataclass(frozen=True, slots=True)
class Manner:
    """How statements are told. ``languages`` are tags, the preferred first."""

    format: Format = Format.EXACT
    languages: Sequence[str] = ()
    attachments: bool = False


class Statements:
    """`home` is the home page of the accounts that applications are as authorities."""

    def __init__(
        self,
        intake: Intake,
        recorder: Recorder,
        source: StatementSource,
        actors: Actors,
        applications: Applications,
        registry: Registry,
        bounds: Bounds,
        home: str,
    ) -> None:
        self._intake = intake
        self._recorder = recorder
        self._source = source
        self._actors = actors
        self._applications = applications
        self._registry = registry
        self._bounds = bounds
        self._home = home
        self._names: dict[int, str] = {}

    async def store(
        self,
        access: Access,
        found: Any,
        parts: Sequence[Part],
        version: Version,
        at: str = "",
    ) -> list[str]:
        """Store one statement, or an array of them together, which stood `at` a pointer of the
        body; returns their ids.

        Raises `MalformedStatement`, `StatementConflict`, `ScopeMissing`, `Overloaded` and
        `Unavailable`. Returned is committed.
        """
        application = access.application
        application.admit(Scope.WRITE)
        if access.person is not None:
            for each in found if type(found) is list else [found]:
                actor = each.get("actor") if type(each) is dict else None
                self._registry.admit_agent(access, actor if type(actor) is dict else {})
        batch = await self._intake.batch(application.id, found, parts, version, at)
        if access.person is not None:
            await self._admit_voiding(access, batch)
        if not application.may(Scope.DEFINE):
            batch = replace(batch, definitions={iri: {} for iri in batch.definitions})
        if batch.records:
            await self._recorder.record(batch, application.kind)
            self._intake.remember(batch.definitions)
        return [each["id"] for each in (found if type(found) is list else [found])]

    async def find(
        self, access: Access, statement_id: UUID, manner: Manner, *, voided: bool = False
    ) -> Told:
        """One statement, which is voided or is not, as asked. Raises `StatementNotFound`."""
        found = await self._source.find(statement_id, await self._registry.reach(access))
        if found is None or found.voided is not voided or not await self._is_own(access, found):
            raise _not_found()
        answer = await self._told(access, [found], manner)
        if not answer.statements:
            raise _not_found()
        return answer

    async def select(self, access: Access, query: StatementQuery, manner: Manner) -> Told:
        """A page of statements; those that name a pupil of whom the caller is told nothing are left
        out of it."""
        query = replace(query, reach=await self._registry.reach(access))
        if access.person is not None:
            own = await self._actors.known(self._registry.agent_of(access.person)) or NOBODY
            if query.agent not in (None, own) or query.related_agents:
                return Told([])
            query = replace(query, agent=own)
        through = self._recorder.consistent_through()
        until = min(query.until or through, through)
        found = await self._source.select(replace(query, until=until, limit=query.limit + 1))
        page = found[: query.limit]
        answer = await self._told(access, page, manner)
        if len(found) > query.limit:
            return replace(answer, after=Position(page[-1].stored, page[-1].id))
        return answer

    async def who(self, access: Access, agent: Json) -> UUID:
        """The pseudonym of an agent that a query names; nobody's when nobody spoke of it, or the
        caller is told nothing of it."""
        if await self._bounds.withheld(access, [agent]):
            return UNKNOWN
        return await self._actors.known(agent) or UNKNOWN

    async def authority_named(self, agent: Json) -> Sequence[int]:
        """The applications that an agent is the authority of."""
        account = agent.get("account", {})
        if account.get("homePage") != self._home:
            return []
        found = await self._applications.by_username(account.get("name", ""))
        return [] if found is None else [found.id]

    async def activity(self, iri: str) -> Json:
        """What is known of an activity, which may be no more than its id."""
        found = await self._source.definition(key_of(iri))
        if found is None or not found["definition"]:
            return {"objectType": "Activity", "id": iri}
        return {"objectType": "Activity", **found}

    def consistent_through(self) -> datetime:
        """Every statement stored up to this instant can be read."""
        return self._recorder.consistent_through()

    async def _admit_voiding(self, access: Access, batch: Batch) -> None:
        """Raises `ScopeMissing` where a person voids what is not a statement of their own."""
        for target in [each.voids for each in batch.records if each.voids is not None]:
            found = await self._source.find(target, await self._registry.reach(access))
            if found is None or not await self._is_own(access, found):
                raise ScopeMissing(
                    "With a person's token, only that person's statements can be voided.",
                    zh="使用个人令牌时只能作废本人的记录。",
                )

    async def _is_own(self, access: Access, found: Found) -> bool:
        if access.person is None:
            return True
        return found.actor == await self._actors.known(self._registry.agent_of(access.person))

    async def _told(self, access: Access, page: Sequence[Found], manner: Manner) -> Told:
        last = max((each.stored for each in page), default=None)
        found, documents = await self._restored(access, page)
        names = await self._authorities({each.application_id for each in found})
        for document, each in zip(documents, found, strict=True):
            document["stored"] = told(each.stored)
            document.setdefault("timestamp", document["stored"])
            document["authority"] = {
                "objectType": "Agent",
                "account": {"homePage": self._home, "name": names[each.application_id]},
            }
        parts = await self._parts(found, documents) if manner.attachments else ()
        if manner.format is Format.CANONICAL:
            await self._define(documents)
            documents = [in_words_of(each, manner.languages) for each in documents]
        elif manner.format is Format.IDS:
            documents = [with_ids_only(each) for each in documents]
        return Told(documents, last, None, parts)

    async def _restored(
        self, access: Access, page: Sequence[Found]
    ) -> tuple[Sequence[Found], list[Json]]:
        """Those of a page that the caller is told, with their JSON in which people are named."""
        documents = [exact.loads(each.raw) for each in page]
        people = [
            [agent for agent, _ in agents_in(document) if PERSONA in agent]
            for document in documents
        ]
        sealed = [(agent, UUID(hex=agent.pop(PERSONA))) for agents in people for agent in agents]
        named = await self._actors.named(list({persona for _, persona in sealed}))
        for agent, persona in sealed:
            agent.update(named.get(persona, ERASED))
        withheld = await self._bounds.withheld(access, (agent for agent, _ in sealed))
        if not withheld:
            return page, documents
        person_of = self._bounds.person_of
        kept = [n for n, agents in enumerate(people) if withheld.isdisjoint(map(person_of, agents))]
        return [page[n] for n in kept], [documents[n] for n in kept]

    async def _authorities(self, ids: set[int]) -> Mapping[int, str]:
        if missing := [each for each in ids if each not in self._names]:
            found: Mapping[int, Application] = await self._applications.named(missing)
            self._names.update({number: each.username for number, each in found.items()})
        return self._names

    async def _parts(self, found: Sequence[Found], documents: Sequence[Json]) -> Sequence[Part]:
        """What came with these statements: of what another brought, the hash tells nothing."""
        hashes = {
            sha2
            for each, document in zip(found, documents, strict=True)
            for sha2 in hashes_in(document)
            if attachment_key(sha2) in each.related
        }
        return await self._source.attachments(sorted(hashes)) if hashes else ()

    async def _define(self, documents: Iterable[Json]) -> None:
        """Put what is known of every activity in the place of what was said of it."""
        for document in documents:
            for activity in activities_in(document):
                known = await self._source.definition(key_of(activity["id"]))
                if known is not None and known["definition"]:
                    activity["definition"] = known["definition"]


def _not_found() -> StatementNotFound:
    return StatementNotFound("None that you may read has this id.", zh="未找到可读的记录。")
