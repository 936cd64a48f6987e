"""Invitations: a letter's token, good once and for some days, that lets a person set a password.

The first one activates the account. A later one is how an administrator helps somebody who forgot
the password, or lost the second factor as well.
"""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.application.accounts import CredentialReader
from services.identity.application.hashing import PasswordHashing
from services.identity.application.passwords import Passwords
from services.identity.application.reach import INVITE, invited
from services.identity.application.second_factors import SecondFactors
from services.identity.application.sessions import Sessions, digest
from services.identity.application.stores import OpenStores, Stores
from services.identity.domain.grants import ORDINARY
from services.identity.domain.people import (
    AccountBeyondReach,
    Person,
    PersonActionRefused,
    State,
)
from services.identity.domain.sign_in import InvitationSpent
from shared.access import grants_of
from shared.clock import Clock
from shared.context import current
from shared.database import UnitOfWork
from shared.errors import NotFound
from shared.ids import uuid7
from shared.principal import Principal

WELCOME = frozenset({State.INVITED, State.ACTIVE})
ASK_AGAIN = "Ask your administrator for a new invitation."
ASK_AGAIN_ZH = "请向管理员索取新的邀请。"


@dataclass(frozen=True, slots=True)
class Invitation:
    """``removes_factors`` says that second factors go when it is used; ``authority`` are the
    grants of whoever issued it, empty for the letter that comes with a new account."""

    id: UUID
    person_id: UUID
    removes_factors: bool
    authority: tuple[str, ...]
    issued_by: str
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class IssuedInvitation:
    """An invitation with its token, which is told this once; None in the answer to a repeated
    request."""

    invitation: Invitation
    token: str | None


class InvitationStore(Protocol):
    async def add(self, invitation: Invitation, token_hash: bytes) -> None:
        """Store an invitation; earlier ones of the person are void."""
        ...

    async def use(self, token_hash: bytes, now: datetime) -> Invitation | None:
        """Use up an invitation that is still good."""
        ...

    async def delete(self, person_id: UUID) -> None: ...


class InvitationReader(CredentialReader, Protocol):
    async def invitation(self, token_hash: bytes, now: datetime) -> Invitation | None:
        """The invitation if it is still good."""
        ...


Activate = Callable[[UnitOfWork, UUID], Awaitable[object]]
"""The people part's: an invited person becomes an active one."""


class Invitations:
    """Issues them."""

    def __init__(
        self,
        stores: Callable[[AsyncConnection], InvitationStore],
        life: timedelta,
        clock: Clock,
    ) -> None:
        self._stores = stores
        self._life = life
        self._clock = clock

    async def issue(
        self,
        uow: UnitOfWork,
        person_id: UUID,
        *,
        removes_factors: bool = False,
        authority: Sequence[str] = (),
    ) -> IssuedInvitation:
        """Invite a person to set a password; earlier invitations are void."""
        now = self._clock()
        token = secrets.token_urlsafe(32)
        invitation = Invitation(
            uuid7(),
            person_id,
            removes_factors,
            tuple(authority),
            current().actor,
            now,
            now + self._life,
        )
        await self._stores(uow.connection).add(invitation, digest(token))
        uow.audit.record("invitation.issued", str(person_id), removes_factors=removes_factors)
        return IssuedInvitation(invitation, token)

    async def issue_invitation(self, uow: UnitOfWork, person_id: UUID) -> str | None:
        """The token alone, for whoever creates the account."""
        return (await self.issue(uow, person_id)).token

    async def erase(self, uow: UnitOfWork, person_id: UUID) -> None:
        await self._stores(uow.connection).delete(person_id)


class Activations:
    """Has people invited by their administrators, and takes what they answer."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        stores: Callable[[AsyncConnection], InvitationStore],
        reader: InvitationReader,
        invitations: Invitations,
        people: OpenStores,
        activate: Activate,
        hashing: PasswordHashing,
        passwords: Passwords,
        second_factors: SecondFactors,
        sessions: Sessions,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._stores = stores
        self._reader = reader
        self._invitations = invitations
        self._people = people
        self._activate = activate
        self._hashing = hashing
        self._passwords = passwords
        self._second_factors = second_factors
        self._sessions = sessions
        self._clock = clock

    async def invite(
        self, caller: Principal, person_id: UUID, *, removes_factors: bool
    ) -> IssuedInvitation:
        """An administrator's help for someone who cannot sign in, or has not yet.

        Whoever has the token could use the account, so the caller has to reach everything that it
        opens, with the role that governs such accounts. Raises `NotFound`, `OwnAccount`,
        `AccountBeyondReach`, `PersonActionRefused`.
        """
        credentials = await self._reader.credentials(person_id)
        async with self._new_uow() as uow:
            person = await invited(
                self._people(uow.connection),
                caller,
                person_id,
                self._clock(),
                has_factor=credentials.has_factor,
                removes_factors=removes_factors,
            )
            if person.state not in WELCOME:
                raise PersonActionRefused(
                    "The account is closed.", zh="该账号已关闭。", state=person.state
                )
            authority = [str(each) for each in grants_of(caller) if each.role in INVITE.roles]
            issued = await self._invitations.issue(
                uow, person_id, removes_factors=removes_factors, authority=authority
            )
            # The stored answer is kept for days: it goes without the secret.
            await uow.commit(replace(issued, token=None))
            return issued

    async def invited(self, token: str) -> tuple[UUID, int]:
        """Whom a token invites, and how many characters their password needs. Raises
        `InvitationSpent`."""
        invitation = await self._good(token)
        with_factor = await self._keeps_factor(invitation)
        return invitation.person_id, self._passwords.shortest(with_factor=with_factor)

    async def accept(self, token: str, password: str) -> None:
        """Set the password and activate the account; whatever it was signed in to before ends.

        Raises `InvitationSpent`, `PasswordRefused`, `HashingPoolFull`.
        """
        with self._hashing.seat() as seat:
            invitation = await self._good(token)
            with_factor = await self._keeps_factor(invitation)
            chosen = await self._passwords.accept(
                seat, invitation.person_id, password, with_factor=with_factor
            )
        async with self._new_uow() as uow:
            used = await self._stores(uow.connection).use(digest(token), self._clock())
            stores = self._people(uow.connection)
            person = await stores.people.get(invitation.person_id, lock=True)
            if used is None or person is None or person.state not in WELCOME:
                raise InvitationSpent(ASK_AGAIN, zh=ASK_AGAIN_ZH)
            if not await self._still_reaches(stores, used, person, has_factor=with_factor):
                raise InvitationSpent(ASK_AGAIN, zh=ASK_AGAIN_ZH)
            current().actor = str(person.id)
            uow.audit.record("invitation.used", str(person.id), issued_by=used.issued_by)
            await self._passwords.put(uow, person.id, chosen)
            await self._sessions.revoke_all(uow, person.id)
            if used.removes_factors:
                await self._second_factors.erase(uow, person.id)
            if person.state is State.INVITED:
                await self._activate(uow, person.id)
            await uow.commit()

    async def _still_reaches(
        self, stores: Stores, invitation: Invitation, person: Person, *, has_factor: bool
    ) -> bool:
        """Whether the issuer's authority covers what the account opens by now. The letter that came
        with the account opens whatever is no office."""
        now = self._clock()
        if person.state is State.INVITED:
            held = await stores.grants.of_person(person.id)
            if ORDINARY.issuperset(each.role for each in held if not each.over(now)):
                return True
        issuer = Principal(
            invitation.issued_by, "", frozenset({INVITE.scope}), {"grants": invitation.authority}
        )
        try:
            await invited(
                stores,
                issuer,
                person.id,
                now,
                has_factor=has_factor,
                removes_factors=invitation.removes_factors,
            )
        except (NotFound, AccountBeyondReach):
            return False
        return True

    async def _good(self, token: str) -> Invitation:
        invitation = await self._reader.invitation(digest(token), self._clock())
        if invitation is None:
            raise InvitationSpent(ASK_AGAIN, zh=ASK_AGAIN_ZH)
        return invitation

    async def _keeps_factor(self, invitation: Invitation) -> bool:
        if invitation.removes_factors:
            return False
        return (await self._reader.credentials(invitation.person_id)).has_factor
