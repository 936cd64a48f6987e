"""Authenticators and recovery codes of a person."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.application.accounts import (
    CredentialReader,
    Credentials,
    Directory,
    NamesOfPeople,
    factor_is_due,
)
from services.identity.domain.passwords import Profile
from services.identity.domain.second_factors import (
    LastSecondFactor,
    NoAuthenticator,
    WrongCode,
    matching_step,
    new_recovery_codes,
    new_secret,
    provisioning_address,
    read_recovery_code,
    shown_secret,
)
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.encryption import KeyRing, Place

PURPOSE = "authenticators"
RECOVERY_PURPOSE = "recovery-codes"


@dataclass(frozen=True, slots=True)
class Authenticator:
    """A TOTP secret as it is kept. Until `confirmed_at` it opens nothing."""

    person_id: UUID
    secret: bytes
    created_at: datetime
    confirmed_at: datetime | None
    last_step: int | None


@dataclass(frozen=True, slots=True)
class PasskeyListed:
    id: UUID
    name: str
    created_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Factors:
    """What a person has set up. ``recovery_codes`` is how many are left; ``helped_at`` when a link
    that an administrator issued last replaced the password."""

    authenticator_since: datetime | None
    passkeys: Sequence[PasskeyListed]
    recovery_codes: int
    helped_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Enrolment:
    """An authenticator that waits for its first code: ``address`` for the QR code, ``secret`` in
    base 32 for typing."""

    address: str
    secret: str


class FactorStore(Protocol):
    async def authenticator(self, person_id: UUID) -> Authenticator | None:
        """The person's, locked until the transaction ends."""
        ...

    async def put_authenticator(self, authenticator: Authenticator) -> None:
        """In place of one that was never confirmed; a confirmed one stays."""
        ...

    async def confirm(self, person_id: UUID, step: int, now: datetime) -> None: ...

    async def use_step(self, person_id: UUID, step: int) -> bool:
        """Use up a time step; says whether it was still unused."""
        ...

    async def remove_authenticator(self, person_id: UUID) -> bool: ...

    async def replace_recovery_codes(
        self, person_id: UUID, hashes: Collection[bytes], now: datetime
    ) -> None: ...

    async def use_recovery_code(self, person_id: UUID, hashes: Collection[bytes]) -> bool:
        """Delete the code stored under one of the hashes; says whether it was there."""
        ...

    async def recovery_codes(self, person_id: UUID) -> int: ...

    async def delete(self, person_id: UUID) -> None:
        """Authenticator, recovery codes and passkeys."""
        ...


class FactorReader(CredentialReader, Protocol):
    async def factors(self, person_id: UUID) -> Factors: ...


class SecondFactors:
    """``issuer`` is the platform's name, as the authenticator will show it."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        stores: Callable[[AsyncConnection], FactorStore],
        reader: FactorReader,
        directory: Directory,
        names: NamesOfPeople,
        profile: Profile,
        ring: KeyRing,
        issuer: str,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._stores = stores
        self._reader = reader
        self._directory = directory
        self._names = names
        self._profile = profile
        self._ring = ring
        self._issuer = issuer
        self._clock = clock

    async def of(self, person_id: UUID) -> Factors:
        return await self._reader.factors(person_id)

    async def enrol(self, person_id: UUID) -> Enrolment:
        """Begin, or go on, to set up an authenticator; the secret stays the same until its first
        code came. A confirmed one has to be removed first: raises `NoAuthenticator`."""
        async with self._new_uow() as uow:
            store = self._stores(uow.connection)
            known = await store.authenticator(person_id)
            if known is not None and known.confirmed_at is not None:
                raise NoAuthenticator(
                    "An authenticator is set up already: remove it first.",
                    zh="已设置身份验证器，请先移除。",
                )
            if known is None:
                sealed = self._ring.encrypt(PURPOSE, new_secret().hex(), _place(person_id))
                now = self._clock()
                known = Authenticator(person_id, sealed, now, None, None)
                await store.put_authenticator(known)
                await uow.commit()
        secret = self._opened(known)
        account = (await self._names.of(person_id)).login
        return Enrolment(provisioning_address(secret, account, self._issuer), shown_secret(secret))

    async def confirm(self, uow: UnitOfWork, person_id: UUID, code: str) -> Sequence[str]:
        """Take the authenticator into use with its first code; returns recovery codes where the
        person had none, to be shown this once. Raises `WrongCode`, `NoAuthenticator`."""
        store = self._stores(uow.connection)
        known = await store.authenticator(person_id)
        if known is None or known.confirmed_at is not None:
            raise NoAuthenticator(
                "Begin again: there is no authenticator to be confirmed.",
                zh="没有待确认的身份验证器，请重新开始。",
            )
        now = self._clock()
        step = matching_step(self._opened(known), code, now, known.last_step)
        await store.confirm(person_id, step, now)
        uow.audit.record("second_factor.added", str(person_id), factor="authenticator")
        if await store.recovery_codes(person_id):
            return []
        return await self._fresh_codes(uow, person_id)

    async def set_up(self, person_id: UUID, code: str) -> Sequence[str]:
        """`confirm` for somebody who is signed in."""
        async with self._new_uow() as uow:
            return await uow.commit(await self.confirm(uow, person_id, code))

    async def use_code(self, uow: UnitOfWork, person_id: UUID, code: str) -> None:
        """Use up the authenticator's present code. Raises `WrongCode`."""
        store = self._stores(uow.connection)
        known = await store.authenticator(person_id)
        if known is None or known.confirmed_at is None:
            raise WrongCode(
                "Take the code that the authenticator shows now.",
                zh="请输入身份验证器当前显示的数字。",
            )
        step = matching_step(self._opened(known), code, self._clock(), known.last_step)
        if not await store.use_step(person_id, step):
            raise WrongCode(
                "Wait for the next code: this one was used.", zh="该验证码已使用，请等待下一个。"
            )

    async def use_recovery_code(self, uow: UnitOfWork, person_id: UUID, typed: str) -> None:
        """Use up a recovery code. Raises `WrongCode`."""
        code = read_recovery_code(typed)
        hashes = self._hashes(person_id, code) if code else []
        if not await self._stores(uow.connection).use_recovery_code(person_id, hashes):
            raise WrongCode(
                "Take a recovery code that you have not used yet.", zh="请使用尚未用过的恢复码。"
            )
        uow.audit.record("recovery_code.used", str(person_id))

    async def renew_recovery_codes(self, person_id: UUID) -> Sequence[str]:
        """Ten new codes, to be shown this once; the old ones are void. Raises `NoAuthenticator`
        where there is no second factor to recover from the loss of."""
        async with self._new_uow() as uow:
            if not (await self._reader.held(uow.connection, person_id)).has_factor:
                raise NoAuthenticator("Set up a second factor first.", zh="请先设置两步验证。")
            codes = await self._fresh_codes(uow, person_id)
            return await uow.commit(codes)

    async def first_recovery_codes(self, uow: UnitOfWork, person_id: UUID) -> Sequence[str]:
        """Recovery codes for someone who has none; nothing for anybody else."""
        if await self._stores(uow.connection).recovery_codes(person_id):
            return []
        return await self._fresh_codes(uow, person_id)

    async def remove_authenticator(self, person_id: UUID) -> None:
        """Raises `LastSecondFactor`, `NoAuthenticator`."""
        async with self._new_uow() as uow:
            credentials = await self._reader.held(uow.connection, person_id)
            await self.may_lose_factor(person_id, credentials, left=credentials.passkeys)
            if not await self._stores(uow.connection).remove_authenticator(person_id):
                raise NoAuthenticator("There is no authenticator.", zh="没有设置身份验证器。")
            uow.audit.record("second_factor.removed", str(person_id), factor="authenticator")
            await uow.commit()

    async def may_lose_factor(
        self, person_id: UUID, credentials: Credentials, *, left: int
    ) -> None:
        """Raises `LastSecondFactor` where a role asks for one, or where the password was chosen
        to stand beside one; `left` counts the factors that would remain of the `credentials`
        held."""
        if left:
            return
        if await factor_is_due(self._directory, self._profile, person_id):
            raise LastSecondFactor(
                "Your role asks for a second factor: set up another one first.",
                zh="您的岗位要求两步验证，请先设置另一种方式。",
            )
        if credentials.password_hash is None or not credentials.stands_alone:
            shortest = self._profile.shortest_alone
            raise LastSecondFactor(
                f"First choose a password of at least {shortest} characters.",
                zh=f"请先设置至少 {shortest} 个字符的密码。",
            )

    async def erase(self, uow: UnitOfWork, person_id: UUID) -> None:
        """Remove every second factor."""
        await self._stores(uow.connection).delete(person_id)

    async def _fresh_codes(self, uow: UnitOfWork, person_id: UUID) -> Sequence[str]:
        codes = new_recovery_codes()
        hashes = [self._hashes(person_id, code)[0] for code in codes]
        now = self._clock()
        await self._stores(uow.connection).replace_recovery_codes(person_id, hashes, now)
        uow.audit.record("recovery_codes.issued", str(person_id))
        return codes

    def _hashes(self, person_id: UUID, code: str) -> list[bytes]:
        return self._ring.search_hashes(RECOVERY_PURPOSE, f"{person_id} {code}")

    def _opened(self, authenticator: Authenticator) -> bytes:
        place = _place(authenticator.person_id)
        return bytes.fromhex(self._ring.decrypt(PURPOSE, authenticator.secret, place))


def _place(person_id: UUID) -> Place:
    return Place("authenticators", "secret", str(person_id))
