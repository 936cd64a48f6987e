"""People who are what a test of the provider says they are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from services.identity.application.directory import Account
from services.identity.domain.people import PersonDisabled, State


@dataclass
class Somebody:
    claims: dict[str, Any]
    grants: tuple[str, ...] = ()
    state: State = State.ACTIVE
    consented: frozenset[str] | None = None
    """For a minor: what guardians consented to."""
    until: datetime | None = None
    """When next a date alone changes that."""


@dataclass
class FakePeople:
    """`services.identity.application.tokens_ports.People` in memory."""

    known: dict[UUID, Somebody] = field(default_factory=dict)

    async def account(self, person_id: UUID) -> Account | None:
        found = self.known.get(person_id)
        if found is None:
            return None
        minor = found.consented is not None
        return Account(person_id, "A-0000-0000-0", found.state, minor, "zh-CN")

    async def userinfo(self, person_id: UUID, scopes: frozenset[str]) -> Mapping[str, Any]:
        opened = {
            "profile": ("name", "preferred_username", "birthdate", "updated_at"),
            "email": ("email", "email_verified"),
            "phone": ("phone_number", "phone_number_verified"),
            "address": ("address",),
        }
        names = {name for scope in scopes for name in opened.get(scope, ())}
        return {k: v for k, v in self._active(person_id).claims.items() if k in names}

    async def grants(self, person_id: UUID) -> tuple[str, ...]:
        return self._active(person_id).grants

    async def allowed_scopes(
        self, person_id: UUID, requested: frozenset[str], *, third_party: bool
    ) -> frozenset[str]:
        consented = self._active(person_id).consented
        return requested if consented is None else requested & (consented | {"openid"})

    async def holds_until(self, person_id: UUID, _at: datetime) -> datetime | None:
        return self.known[person_id].until

    def _active(self, person_id: UUID) -> Somebody:
        found = self.known[person_id]
        if found.state is not State.ACTIVE:
            raise PersonDisabled
        return found
