"""The platform's own events: streams of the log like registrations, whose ids follow from the
log's name, so that everybody finds them."""

from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from services.copyright.application.intake import Intake
from services.copyright.application.journal import Act
from services.copyright.domain.registrations import Record, code_of
from services.copyright.verify.events import Standing
from shared.database import UnitOfWork

PLATFORM = "PLATFORM"
BY_OPERATOR = {"method": "operator", "assurance": "console", "session": None}
BY_SERVICE = {"method": "service", "assurance": "unspecified", "session": None}


class PlatformStreams:
    """The stream ``https://<origin>`` and those below it, as UUIDs of version 5."""

    def __init__(self, intake: Intake, origin: str) -> None:
        self._intake = intake
        self._origin = origin

    async def locked(self, uow: UnitOfWork, below: str = "") -> Record:
        """A stream, new or held until the transaction ends."""
        own = uuid5(NAMESPACE_URL, f"https://{self._origin}{below}")
        found = await self._intake.store(uow.connection).locked(own)
        return found or self._new(own)

    async def add(
        self,
        uow: UnitOfWork,
        stream: Record,
        kind: str,
        detail: Mapping[str, Any],
        auth: Mapping[str, Any],
        fields: Mapping[str, Any] | None = None,
    ) -> Record:
        """Add an event to a stream that is held; the stream as it is then."""
        act = Act(kind, None, auth, detail, fields=fields or {})
        return await self._intake.journal(uow).append(stream, act)

    def _new(self, own: UUID) -> Record:
        return Record(
            id=own,
            code=code_of(own),
            resource_id=own,
            resource_version=None,
            resource_code=None,
            organisation_path=None,
            origin=PLATFORM,
            details={"title": "书院 Shuyuan"},
            standing=Standing.NEW,
            length=0,
            created_at=self._intake.clock(),
        )
