"""The queue of a reviewer, and a review as its reader sees it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.organisations import path_named
from services.catalog.application.resources import ResourceStore
from services.catalog.application.resources_content import Contents
from services.catalog.application.reviews_access import (
    judging,
    people_of,
    seen,
    situation_of,
)
from services.catalog.application.reviews_ports import Event, ReviewStore, Round
from services.catalog.domain.lifecycle import Situation
from services.catalog.domain.resources import Content
from services.catalog.domain.reviews import Case, Claim
from services.catalog.domain.versions import Differences, differences
from shared.access import Role, Rule
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import NotFound
from shared.principal import Principal

EVENTS_SHOWN = 200
"""So many entries of its timeline come with a review; few have more."""

OVERSEE = Rule("catalog.read", frozenset({Role.ADMINISTRATOR}))

Row = Mapping[str, Any]
"""A case in a list: see `services.catalog.schemas.reviews.ReviewSummary`."""

Position = tuple[datetime, UUID]
"""``due_at`` and ``id`` of the last case of a page."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a case must be; None: whatever."""

    state: str | None = "IN_REVIEW"
    stage: str | None = None
    subject: str | None = None
    level_kind: str | None = None
    importance: str | None = None
    assignee: str | None = None
    resource_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose cases: those of ``owner``, those of resources at and below ``path``, or those that may
    be judged by ``grants``: places, each with a subject or None; of the latter none that one of
    ``people`` made or has a conflict of interest with, or that went to a group to which none of
    them belongs, and of those under review none that one of them judged in this round, or whose
    seats all belong to others than the ``caller``."""

    owner: str | None = None
    path: str | None = None
    grants: Sequence[tuple[str, str | None]] | None = None
    people: frozenset[str] = frozenset()
    caller: str | None = None
    claimed_by: str | None = None


class ReviewLists(Protocol):
    async def path_of(self, label: str) -> str | None:
        """See `OrganisationPaths`."""
        ...

    async def page(
        self, scope: Scope, wanted: Wanted, limit: int, after: Position | None
    ) -> Sequence[Row]:
        """The most urgent first, in one statement."""
        ...


@dataclass(frozen=True, slots=True)
class Reviewed:
    """``changes``: what makes what is judged of what a verdict was last given about in an earlier
    round, or of the live version; None where there is neither."""

    case: Case
    situation: Situation
    claims: Sequence[Claim]
    rounds: Sequence[Round]
    events: Sequence[Event]
    content: Content
    compared_with: int | None
    changes: Differences | None


class ReviewViews:
    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        resources: Callable[[AsyncConnection], ResourceStore],
        reviews: Callable[[AsyncConnection], ReviewStore],
        lists: ReviewLists,
        contents: Contents,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._resources = resources
        self._reviews = reviews
        self._lists = lists
        self._contents = contents
        self._clock = clock

    async def page(
        self,
        caller: Principal,
        wanted: Wanted,
        *,
        mine: bool,
        claimed: bool,
        organisation: str | None,
        limit: int,
        after: Position | None,
    ) -> Sequence[Row]:
        """At most `limit` cases after that position: what the caller may judge; with `mine`, of the
        caller's own resources; with `organisation`, of all resources at and below it.

        Raises `Forbidden`.
        """
        if mine:
            scope = Scope(owner=caller.subject)
        elif organisation is not None:
            path = await path_named(self._lists, caller, organisation)
            OVERSEE.admit(caller, path)
            scope = Scope(path=path)
        else:
            grants = [(each.path, each.subject) for each in judging(caller)]
            people = people_of(caller)
            if not grants or people != {caller.subject}:
                return []
            scope = Scope(grants=grants, people=people, caller=caller.subject)
        if claimed:
            scope = replace(scope, claimed_by=caller.subject)
        return await self._lists.page(scope, wanted, limit, after)

    async def get(self, caller: Principal, case_id: UUID) -> Reviewed:
        """Raises `NotFound`."""
        async with self._new_uow() as uow:
            store, resources = self._reviews(uow.connection), self._resources(uow.connection)
            case = seen(caller, await store.get(case_id))
            situation = await situation_of(store, caller, case, self._clock())
            claims, rounds = await store.claims(case.id), await store.rounds(case.id)
            events = await store.timeline(case.id, 0, EVENTS_SHOWN)
            judged = await resources.version(case.resource_id, case.number)
            resource = await resources.get(case.resource_id)
            heard = {verdict.round for _, verdict in await store.verdicts(case.id)}
            earlier = [each.number for each in rounds[:-1] if each.round in heard]
            before = earlier[-1] if earlier else None
            if before is None and resource is not None:
                before = resource.live_version
            old = None
            if before is not None and before != case.number:
                old = await resources.version(case.resource_id, before)
        if judged is None:
            raise NotFound("There is no such review.", zh="没有该审核。")
        changes = differences(old.content, judged.content) if old else None
        compared = old.number if old else None
        return Reviewed(case, situation, claims, rounds, events, judged.content, compared, changes)

    async def file(self, caller: Principal, case_id: UUID, file: str) -> str:
        """Where a file of what is judged can be had for a while; see `Contents.address`.

        Raises `NotFound`, `FileNotReady`, `FileRefused`.
        """
        async with self._new_uow() as uow:
            case = seen(caller, await self._reviews(uow.connection).get(case_id))
            store = self._resources(uow.connection)
            judged = await store.version(case.resource_id, case.number)
            content = judged.content if judged else Content({})
            return await self._contents.address_in(uow.connection, caller, content, file)

    async def attachment(self, caller: Principal, case_id: UUID, upload_id: UUID) -> str:
        """Where an attachment of the timeline can be had for a while; see `Contents.address_of`.

        Raises `NotFound`, `FileNotReady`, `FileRefused`.
        """
        async with self._new_uow() as uow:
            store = self._reviews(uow.connection)
            case = seen(caller, await store.get(case_id))
            filename = await store.attachment(case.id, upload_id)
            if filename is None:
                raise NotFound("It has no such attachment.", zh="没有该附件。")
            return await self._contents.address_of(uow.connection, caller, upload_id, filename)

    async def timeline(
        self, caller: Principal, case_id: UUID, limit: int, after: int
    ) -> Sequence[Event]:
        """At most `limit` entries after the one with that id, in order. Raises `NotFound`."""
        async with self._new_uow() as uow:
            store = self._reviews(uow.connection)
            case = seen(caller, await store.get(case_id))
            return await store.timeline(case.id, after, limit)
