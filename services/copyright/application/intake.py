"""What registering rests on, by hand or out of what the catalogue published."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.copyright.application.consequences import Consequences
from services.copyright.application.journal import Act, Journal
from services.copyright.application.log_halting import Halt
from services.copyright.application.log_ports import LogStore
from services.copyright.application.registrations_ports import RegistrationStore
from services.copyright.domain.duplicates import composite
from services.copyright.domain.licences import Template, Terms, template_for
from services.copyright.domain.registrations import (
    NotTheirs,
    Record,
    Work,
    WorkFile,
    code_of,
    identified,
)
from services.copyright.verify.events import Standing, fold
from services.copyright.verify.merkle import sha256
from shared.civil import civil_date
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.ids import uuid7

HAND, CATALOGUE = "HAND", "CATALOGUE"
_BY_EVENT = {"method": "catalogue", "assurance": "event", "session": None}

Stores = Callable[[AsyncConnection], RegistrationStore]
Logs = Callable[[AsyncConnection], LogStore]


class Intake:
    """Registrations, each step in a transaction of the caller's."""

    def __init__(
        self,
        store: Stores,
        log: Logs,
        consequences: Callable[[UnitOfWork], Consequences],
        clock: Clock,
        issuer: str,
        halt: Halt,
    ) -> None:
        self.store = store
        self._log = log
        self.consequences = consequences
        self.clock = clock
        self._issuer = issuer
        self._halt = halt

    def journal(self, uow: UnitOfWork) -> Journal:
        """The journal within `uow`. Raises `Unavailable` while the log is halted."""
        self._halt.require_going_on()
        return Journal(
            uow,
            self.store(uow.connection),
            self._log(uow.connection),
            self.consequences(uow),
            self.clock,
            self._issuer,
        )

    async def register_published(
        self, uow: UnitOfWork, told: Mapping[str, Any], at: datetime
    ) -> None:
        """Register a version that the catalogue published `at` a time, in the transaction that
        heard of it: a new registration, or a revision of the one there is. To hear it again changes
        nothing.

        A version of a resource whose registration went to somebody else is registered anew; one of
        a contested registration is held until the dispute is over.
        """
        store = self.store(uow.connection)
        resource_id, version = UUID(told["resource_id"]), told["version"]
        before = await store.of_resource(resource_id)
        if before is not None and (before.resource_version or 0) >= version:
            return
        if await self.is_contested(store, resource_id):
            await store.hold(told, at)
            return
        work = _published(told, before, at)
        if before is not None:
            try:
                await self._publish(uow, replace(before, resource_version=version), work, told)
            except NotTheirs:
                before = None
        if before is None:
            record = self.new(work, CATALOGUE, resource_id, told["organisation_path"])
            record = replace(record, resource_version=version, resource_code=told["code"])
            await self._publish(uow, record, work, told)

    async def is_contested(self, store: RegistrationStore, resource_id: UUID) -> bool:
        """Whether the resource is registered, and its registration takes no new version now."""
        record = await store.of_resource(resource_id)
        if record is None:
            return False
        return fold(await store.events(record.id)).standing is not Standing.ACTIVE

    async def _publish(
        self, uow: UnitOfWork, record: Record, work: Work, told: Mapping[str, Any]
    ) -> None:
        store = self.store(uow.connection)
        details = {**work.details(), "title_sha256": told["title_sha256"]}
        record = replace(record, details=details)
        fields = {
            **identified(work.files),
            **composite(told["files"]),
            **await self.licensed(store, record, work.licence),
        }
        kind = "revise" if record.length else "register"
        act = Act(
            kind, told["owner"], _BY_EVENT, fields=fields, files=work.files, named=work.named()
        )
        await self.journal(uow).append(record, act)

    async def forget(self, uow: UnitOfWork, person: str) -> None:
        """Destroy what leads from the log to a person who was erased."""
        await self.store(uow.connection).forget(person)
        uow.audit.record("person.forgotten", f"people/{person}")

    def new(
        self, work: Work, origin: str, resource_id: UUID | None, organisation: str | None
    ) -> Record:
        own = uuid7()
        return Record(
            id=own,
            code=code_of(own),
            resource_id=resource_id or own,
            resource_version=None,
            resource_code=None,
            organisation_path=organisation,
            origin=origin,
            details=work.details(),
            standing=Standing.NEW,
            length=0,
            created_at=self.clock(),
        )

    async def licensed(
        self, store: RegistrationStore, record: Record, licence: str | None
    ) -> dict[str, str]:
        """The field that names the licence's policy, kept here. Raises `TermsUnfit`."""
        template = template_for(licence)
        if template is None:
            return {}
        terms = Terms(organisation=record.organisation_path) if template.teaching else None
        return {"rights_policy_sha256": await self.kept(store, record, template, terms)}

    async def kept(
        self, store: RegistrationStore, record: Record, template: Template, terms: Terms | None
    ) -> str:
        """Keep the policy of a licence for `record`; its hex SHA-256. Raises `TermsUnfit`."""
        document = template.policy(str(record.id), terms)
        digest = sha256(document).hex()
        await store.add_policy(digest, template.code, document)
        return digest


def _published(told: Mapping[str, Any], before: Record | None, at: datetime) -> Work:
    """The work as the catalogue tells of it. It was first published when its first version was."""
    known = before.details.get("first_published_on") if before else None
    names: dict[bool, list[str]] = {True: [], False: []}
    for each in told.get("contributors", ()):
        names[each["role"] == "author"].append(each["name"])
    own = names[True] if told["rights_basis"] == "own_work" else []
    return Work(
        title=told.get("title", ""),
        category="other",
        files=[WorkFile(f["path"], f["sha256"], f["sm3"], f["size"]) for f in told["files"]],
        authors=names[True],
        contributors=names[False],
        holders=[told["licensor"]] if told.get("licensor") else own,
        first_published_on=date.fromisoformat(known) if known else civil_date(at),
        rights_basis=told["rights_basis"],
        licence=template.code if (template := template_for(told["licence"])) else None,
    )
