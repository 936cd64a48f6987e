"""A school with two classes, as the neighbours' events tell of it, and the people in it."""

from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from fastapi import FastAPI

from shared.clock import utc_now
from shared.events import Envelope
from shared.ids import uuid7
from shared.inbox import apply_handler
from tests.service.house import Token

PROVINCE = "P0"
SCHOOL = "P0.C1.S1"
CLASS = f"{SCHOOL}.G1.K1"
OTHER_CLASS = f"{SCHOOL}.G1.K2"
OTHER_SCHOOL = "P0.C1.S2"
OTHER_SCHOOLS_CLASS = f"{OTHER_SCHOOL}.G2.K3"
SCOPES = "openid learning.read learning.write"

_KINDS = {
    "P": "province",
    "C": "city",
    "S": "school",
    "G": "grade",
    "K": "class",
    "A": "association",
}


def organisation_id(path: str) -> UUID:
    """The id of the organisation at `path`, the same in every test, wherever it moves."""
    return uuid5(NAMESPACE_URL, path.rpartition(".")[2])


def _consent(child: str, guardian: str, purpose: str, version: int) -> dict[str, Any]:
    return {
        "consent_id": uuid5(NAMESPACE_URL, f"{child} {guardian} {purpose} {version}"),
        "child_id": child,
        "guardian_id": guardian,
        "purpose": purpose,
        "purpose_version": version,
    }


class School:
    """Tells the service what the neighbours would, and makes the tokens of whoever is there."""

    def __init__(self, app: FastAPI, token: Token) -> None:
        self.app = app
        self.token = token

    async def hear(self, type_: str, **data: Any) -> None:
        """One event, held against its schema, applied as the inbox applies it."""
        runtime = self.app.state.runtime
        source = type_.partition(".")[0]
        told = Envelope(uuid7(), f"/{source}", type_, "-", utc_now(), data)
        envelope = Envelope.from_json(told.to_json())
        envelope.check()
        async with runtime.new_uow() as uow:
            await apply_handler(runtime.handlers[source], uow, envelope)
            await uow.commit()

    async def found(self) -> None:
        """The province, the city, two schools and their classes."""
        paths = (
            *(PROVINCE, "P0.C1", SCHOOL, f"{SCHOOL}.G1", CLASS, OTHER_CLASS),
            *(OTHER_SCHOOL, f"{OTHER_SCHOOL}.G2", OTHER_SCHOOLS_CLASS),
        )
        for path in paths:
            await self.organise("created", path)

    async def organise(self, what: str, path: str, name: str = "", **others: Any) -> None:
        label = path.rpartition(".")[2]
        fact = {
            "organisation_id": organisation_id(path),
            "code": label,
            "kind": _KINDS[label[0]],
            "name": name or f"机构{label}",
            "path": path,
            "version": 1,
        }
        await self.hear(f"identity.organisation.{what}.v1", **fact, **others)

    async def enrol(
        self,
        path: str = CLASS,
        kind: str = "student",
        person: str = "",
        valid_from: str = "2026-09-01",
        valid_until: str | None = None,
        what: str = "started",
        membership_id: UUID | None = None,
    ) -> str:
        """A person belongs there; returns the id."""
        person = person or str(uuid7())
        await self.hear(
            f"identity.membership.{what}.v1",
            membership_id=membership_id or uuid7(),
            person_id=person,
            organisation_id=organisation_id(path),
            path=path,
            kind=kind,
            valid_from=valid_from,
            valid_until=valid_until,
        )
        return person

    async def appoint(self, role: str, path: str, person: str = "") -> str:
        """A person holds the role there; returns the id."""
        person = person or str(uuid7())
        await self.hear(
            "identity.role.granted.v1",
            grant_id=uuid7(),
            person_id=person,
            role=role,
            organisation_id=organisation_id(path),
            path=path,
            subject=None,
            valid_from=datetime(2026, 9, 1, tzinfo=UTC),
            valid_until=None,
        )
        return person

    async def guard(
        self, child: str, guardian: str = "", what: str = "verified", restricted: bool = False
    ) -> str:
        """A guardian of the child is verified; returns the guardian's id."""
        guardian = guardian or str(uuid7())
        await self.hear(
            f"identity.guardianship.{what}.v1",
            guardianship_id=uuid5(NAMESPACE_URL, f"{child} {guardian}"),
            child_id=child,
            guardian_id=guardian,
            restricted=restricted,
        )
        return guardian

    async def consent(
        self, child: str, guardian: str = "", purpose: str = "learning-space", version: int = 1
    ) -> str:
        """A verified guardian consents for the child; returns the guardian's id."""
        guardian = await self.guard(child, guardian)
        await self.hear("identity.consent.given.v1", **_consent(child, guardian, purpose, version))
        return guardian

    async def withdraw(self, child: str, guardian: str) -> None:
        """The guardian's consent to the learning space ends."""
        fact = _consent(child, guardian, "learning-space", 1)
        await self.hear("identity.consent.withdrawn.v1", **fact)

    async def erase(self, person: str) -> None:
        await self.hear("identity.person.erased.v1", person_id=person, code="R", version=9)

    async def publish(self, resource_id: UUID | None = None, version: int = 1) -> str:
        """A version of a resource is live; returns the id of the resource."""
        id_ = resource_id or uuid7()
        await self.hear(
            "catalog.resource.published.v1",
            resource_id=id_,
            version=version,
            code="R-0126-F4TN-R",
            owner="somebody",
            organisation_path=SCHOOL,
            title_sha256="0" * 64,
            licence=None,
            rights_basis="own",
            files=[],
        )
        return str(id_)

    async def take_down(self, resource_id: str, what: str = "suspended") -> None:
        await self.hear(
            f"catalog.resource.{what}.v1",
            resource_id=resource_id,
            version=1,
            code="R-0126-F4TN-R",
            owner="somebody",
            organisation_path=SCHOOL,
            reason_code="rights",
            notice="",
        )

    def as_(self, person: str, *grants: str, scopes: str = SCOPES) -> dict[str, str]:
        """The headers of that person, with these grants."""
        return self.token(person, scopes, grants)

    def someone(self, role: str, path: str = SCHOOL) -> dict[str, str]:
        """The headers of a person of whom nothing is known but the role."""
        return self.as_(str(uuid7()), f"{role}@{path}")
