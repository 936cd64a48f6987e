"""What tokens read and keep."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from services.identity.application.directory import Account
from services.identity.domain.authorization import RequestedClaims
from services.identity.domain.tokens import StoredCode, StoredRefresh


class People(Protocol):
    """The people part, as far as tokens speak of people. Its methods raise `PersonDisabled` for an
    account that is not active."""

    async def account(self, person_id: UUID) -> Account | None: ...

    async def userinfo(self, person_id: UUID, scopes: frozenset[str]) -> Mapping[str, Any]:
        """Standard claims that `scopes` open."""
        ...

    async def grants(self, person_id: UUID) -> tuple[str, ...]:
        """Roles now in force, as ``role@path#subject``."""
        ...

    async def allowed_scopes(
        self, person_id: UUID, requested: frozenset[str], *, third_party: bool
    ) -> frozenset[str]:
        """What consent covers, for a minor; all of them for others. A `third_party` is every
        application but the platform's own."""
        ...

    async def holds_until(self, person_id: UUID, at: datetime) -> datetime | None:
        """When next after `at` a date alone takes away a role or what consent covers."""
        ...


@dataclass(frozen=True, slots=True)
class Standing:
    """What the database knows of a token: whether it was revoked, what it came of, and whether an
    application of others has it."""

    revoked: bool
    claims: RequestedClaims
    third_party: bool = False


class TokenReader(Protocol):
    """Each method is one statement."""

    async def code(self, hash_: bytes) -> StoredCode | None: ...

    async def refresh_token(self, handle: bytes) -> StoredRefresh | None: ...

    async def standing(self, claims: Mapping[str, Any]) -> Standing: ...


class TokenStore(Protocol):
    async def use_code(self, hash_: bytes, at: datetime) -> bool:
        """Use a code up; whether it was still unused. Waits for whoever is using it."""
        ...

    async def start_refreshing(
        self, authorization_id: UUID, handle: bytes, hash_: bytes, expires_at: datetime
    ) -> None: ...

    async def rotate(
        self, authorization_id: UUID, old: bytes, new: bytes, expires_at: datetime
    ) -> bool:
        """Put `new` in the place of `old`; whether that was still good. Waits likewise."""
        ...

    async def end(self, authorization_id: UUID, at: datetime) -> bool:
        """Revoke an authorization; whether it had not been."""
        ...
