"""Publishing what was approved, within the transaction of the last approval."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.changes import ChangeLog
from services.catalog.domain.changes import Change, Kind
from services.catalog.domain.lifecycle import Action, Actor, Situation, State, step
from services.catalog.domain.publication import (
    Publication,
    VersionFile,
    published_files,
    texts_of,
)
from services.catalog.domain.publication_events import PublishedContributor, ResourcePublished
from services.catalog.domain.resources import Resource
from services.catalog.domain.versions import Version
from shared.clock import Clock
from shared.database import UnitOfWork


class PublicationStore(Protocol):
    async def files(self, resource_id: UUID, number: int) -> Sequence[VersionFile]:
        """Of a version, in order."""
        ...

    async def add(self, publication: Publication) -> None:
        """A version that was published before keeps the memory of the first time."""
        ...

    async def stand(self, resource: Resource) -> None:
        """Save how it stands: ``state``, ``live_version``, ``version``, ``updated_at``,
        ``case_id``."""
        ...


class Publishing:
    def __init__(
        self,
        store: Callable[[AsyncConnection], PublicationStore],
        changes: Callable[[AsyncConnection], ChangeLog],
        clock: Clock,
    ) -> None:
        self._store = store
        self._changes = changes
        self._clock = clock

    async def publish(
        self, uow: UnitOfWork, resource: Resource, version: Version, case_id: UUID
    ) -> Resource:
        """Let everybody read `version` of `resource`, which `uow` holds locked, as the case
        approved it; tell the feed and the neighbours. To do it again changes nothing. The caller
        commits.

        Raises `ActionRefused` in a state in which nothing is published, `FilesUnfit`.
        """
        if resource.live_version == version.number and resource.state is State.PUBLISHED:
            return resource
        now = Situation(
            state=resource.state,
            actors=frozenset({Actor.SYSTEM}),
            latest_version=resource.latest_version,
            case_state=State.APPROVED,
        )
        transition = step(Action.PUBLISH, now)
        store, at = self._store(uow.connection), self._clock()
        number = version.number
        stored = await store.files(resource.id, number)
        files = published_files(stored)
        published = replace(
            resource,
            state=transition.target or resource.state,
            live_version=number,
            version=resource.version + 1,
            updated_at=at,
            case_id=None,
        )
        await store.add(Publication(resource.id, number, at, version.digest, case_id))
        await store.stand(published)
        change = Change(Kind.PUBLISHED, resource.id, resource.code, number, at)
        await self._changes(uow.connection).append(change)
        metadata = version.content.metadata
        uow.outbox.append(
            ResourcePublished(
                resource_id=resource.id,
                version=number,
                code=resource.code,
                owner=resource.owner,
                organisation_path=resource.organisation_path,
                title_sha256=hashlib.sha256(metadata["title"].encode()).hexdigest(),
                licence=metadata.get("licence"),
                rights_basis=metadata["rights_basis"]["kind"],
                files=files,
                texts=texts_of(stored),
                title=metadata["title"],
                types=metadata["resource_types"],
                contributors=[
                    PublishedContributor(each["name"], each["role"])
                    for each in metadata["contributors"]
                ],
                licensor=metadata["rights_basis"].get("licensor"),
            )
        )
        uow.audit.record(
            "resource.published",
            str(resource.id),
            organisation=resource.organisation_path,
            before=resource.draft.record,
            after=version.content.record,
            code=resource.code,
            number=number,
            digest=version.digest.hex(),
            case=str(case_id),
        )
        return published
