"""Signing in: a password or a passkey, then whatever the person and the profile ask for beside it.

Between the first proof and the session stands a sign-in under way: ten minutes, in the database,
known to one browser by a cookie of its own.
"""

import secrets
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol, Self
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.application.accounts import (
    NOBODY,
    CredentialReader,
    Credentials,
    Directory,
    factor_is_due,
)
from services.identity.application.hashing import PasswordHashing
from services.identity.application.passkeys import Passkeys, Proof
from services.identity.application.passwords import Passwords
from services.identity.application.second_factors import SecondFactors
from services.identity.application.sessions import Session, Sessions, digest
from services.identity.application.throttling import Attempt, Throttle, folded_login
from services.identity.domain.passwords import Profile, normalised
from services.identity.domain.people import State
from services.identity.domain.second_factors import PasskeyRefused, WrongCode
from services.identity.domain.sign_in import SignInExpired, Step, WrongCredentials
from shared.clock import Clock
from shared.context import current
from shared.database import UnitOfWork

LIFE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whence somebody signs in. ``browser`` is what the browser was given with its first page;
    ``device`` names browser and system; ``device_cookie`` is what a browser keeps that somebody has
    signed in on; ``session`` is the one it is in now."""

    address: str
    browser: str
    device: str
    device_cookie: str | None
    session: Session | None

    @property
    def device_digest(self) -> bytes | None:
        return digest(self.device_cookie) if self.device_cookie else None


@dataclass(frozen=True, slots=True)
class SignInUnderWay:
    person_id: UUID
    amr: tuple[str, ...]
    return_to: str
    expires_at: datetime

    def after(self, *amr: str) -> Self:
        """The same once more was proved."""
        return replace(self, amr=(*self.amr, *amr))


@dataclass(frozen=True, slots=True)
class SignedIn:
    """``device_cookie`` is None where the browser keeps a good one already."""

    session: Session
    session_cookie: str
    device_cookie: str | None
    return_to: str


@dataclass(frozen=True, slots=True)
class Unfinished:
    """``cookie`` is None where the browser has it already."""

    step: Step
    cookie: str | None


Outcome = SignedIn | Unfinished


class SignInStore(Protocol):
    async def add(self, under_way: SignInUnderWay, secret_hash: bytes) -> None: ...

    async def prove(self, secret_hash: bytes, amr: Sequence[str]) -> None:
        """Note what has been proved so far."""
        ...

    async def take(self, secret_hash: bytes) -> bool:
        """End a sign-in; says whether it was still under way."""
        ...

    async def forget(self, person_id: UUID) -> None:
        """Sign-ins under way and known devices of a person."""
        ...


class SignInReader(CredentialReader, Protocol):
    async def credentials_by_login(
        self, login: str, device: bytes | None = None, guesses: Collection[bytes] = ()
    ) -> Credentials:
        """Those of whoever is active and known by username, phone, verified email, 学籍号 or staff
        number, else of `NOBODY`; the work is the same."""
        ...

    async def under_way(self, secret_hash: bytes, now: datetime) -> SignInUnderWay | None:
        """The sign-in, while it lasts and its person is active."""
        ...


class SignIn:
    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        stores: Callable[[AsyncConnection], SignInStore],
        reader: SignInReader,
        directory: Directory,
        hashing: PasswordHashing,
        throttle: Throttle,
        passwords: Passwords,
        second_factors: SecondFactors,
        passkeys: Passkeys,
        sessions: Sessions,
        profile: Profile,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._stores = stores
        self._reader = reader
        self._directory = directory
        self._hashing = hashing
        self._throttle = throttle
        self._passwords = passwords
        self._second_factors = second_factors
        self._passkeys = passkeys
        self._sessions = sessions
        self._profile = profile
        self._clock = clock

    async def with_password(
        self, login: str, password: str, visitor: Visitor, return_to: str
    ) -> Outcome:
        """Raises `WrongCredentials`, `TooManyAttempts`, `HashingPoolFull`.

        An unknown login costs the same lookups and the same hashing as a wrong password.
        """
        self._hashing.expect_seat()
        device = visitor.device_digest
        guess = self._throttle.guess(folded_login(login), visitor.address, device, visitor.browser)
        with self._throttle.judging(guess) as admitted:
            credentials = await self._reader.credentials_by_login(login, device, guess.keys)
            attempt = await admitted(credentials.counts, credentials.device_known)
            person_id = credentials.person_id
            typed, known = normalised(password), credentials.password_hash
            with self._hashing.seat() as seat:
                if not await seat.verify(known, typed) or known is None:
                    await self._failed(attempt, person_id, "password")
                    raise WrongCredentials(
                        "Check the name and the password.", zh="请检查账号和密码。"
                    )
                fresh = await seat.hash(typed) if seat.outdated(known) else None
            under_way = SignInUnderWay(person_id, ("pwd",), return_to, self._clock() + LIFE)
            if attempt.clean and fresh is None and visitor.session is None:
                outcome = await self._at_once(under_way, visitor, credentials)
                if outcome is not None:
                    return outcome
            async with self._new_uow() as uow:
                await self._throttle.succeeded(uow, attempt)
                if fresh is not None:
                    await self._passwords.rehash(uow, person_id, known, fresh)
                return await uow.commit(await self._go_on(uow, under_way, visitor, credentials))

    async def with_passkey(
        self, credential: str, bound_to: str, visitor: Visitor, return_to: str
    ) -> Outcome:
        """A passkey that verified its user is two factors, and needs no password.

        Raises `PasskeyRefused`.
        """
        proof = await self._answered(credential, bound_to, None)
        account = await self._directory.account(proof.person_id)
        if account is None or account.state != State.ACTIVE:
            raise PasskeyRefused(
                "This account cannot sign in. Ask your administrator.",
                zh="该账号暂时无法登录，请联系管理员。",
            )
        credentials = await self._credentials(proof.person_id, visitor)
        under_way = SignInUnderWay(proof.person_id, proof.amr, return_to, self._clock() + LIFE)
        async with self._new_uow() as uow:
            return await uow.commit(await self._go_on(uow, under_way, visitor, credentials))

    async def under_way(self, cookie: str | None) -> SignInUnderWay:
        """Raises `SignInExpired`."""
        found = await self._reader.under_way(digest(cookie or ""), self._clock())
        if found is None:
            raise SignInExpired("Sign in again.", zh="请重新登录。")
        return found

    async def with_code(self, cookie: str | None, code: str, visitor: Visitor) -> Outcome:
        """Raises `SignInExpired`, `WrongCode`, `TooManyAttempts`.

        Six digits are few: whoever knows the password may guess ten times from one address, all
        browsers there together.
        """
        use = self._second_factors.use_code
        return await self._with_factor(cookie, visitor, code, use, "second factor", None)

    async def with_recovery_code(self, cookie: str | None, code: str, visitor: Visitor) -> Outcome:
        """Raises `SignInExpired`, `WrongCode`, `TooManyAttempts`.

        Nobody guesses a recovery code, so the guesses of others keep no owner out.
        """
        use = self._second_factors.use_recovery_code
        return await self._with_factor(cookie, visitor, code, use, "recovery code", visitor.browser)

    async def with_second_passkey(
        self, cookie: str | None, credential: str, visitor: Visitor
    ) -> Outcome:
        """Raises `SignInExpired`, `PasskeyRefused`."""
        under_way = await self.under_way(cookie)
        proof = await self._answered(credential, cookie or "", under_way.person_id)
        proved = under_way.after(*proof.amr)
        credentials = await self._credentials(under_way.person_id, visitor)
        async with self._new_uow() as uow:
            return await uow.commit(await self._go_on(uow, proved, visitor, credentials, cookie))

    async def with_new_authenticator(
        self, cookie: str | None, code: str, visitor: Visitor
    ) -> tuple[Outcome, Sequence[str]]:
        """Confirm the second factor that a role asks for; recovery codes come with it.

        Raises `SignInExpired`, `WrongCode`, `TooManyAttempts`, `NoAuthenticator`.
        """
        codes: Sequence[str] = ()

        async def confirm(uow: UnitOfWork, person_id: UUID, typed: str) -> None:
            nonlocal codes
            codes = await self._second_factors.confirm(uow, person_id, typed)

        outcome = await self._with_factor(cookie, visitor, code, confirm, "second factor", None)
        return outcome, codes

    async def with_new_password(
        self, cookie: str | None, password: str, visitor: Visitor
    ) -> Outcome:
        """Replace a password that has come of age.

        Raises `SignInExpired`, `PasswordRefused`, `HashingPoolFull`.
        """
        with self._hashing.seat() as seat:
            under_way = await self.under_way(cookie)
            credentials = await self._credentials(under_way.person_id, visitor)
            if await self._step(under_way, credentials) is not Step.NEW_PASSWORD:
                raise SignInExpired("Sign in again.", zh="请重新登录。")
            chosen = await self._passwords.accept(seat, under_way.person_id, password)
        async with self._new_uow() as uow:
            current().actor = str(under_way.person_id)
            await self._passwords.put(uow, under_way.person_id, chosen)
            fresh = replace(credentials, changed_at=self._clock())
            return await uow.commit(await self._go_on(uow, under_way, visitor, fresh, cookie))

    async def step(self, cookie: str | None) -> Step:
        """What the sign-in waits for. Raises `SignInExpired`."""
        under_way = await self.under_way(cookie)
        credentials = await self._reader.credentials(under_way.person_id)
        step = await self._step(under_way, credentials)
        if step is None:
            raise SignInExpired("Sign in again.", zh="请重新登录。")
        return step

    async def erase(self, uow: UnitOfWork, person_id: UUID) -> None:
        await self._stores(uow.connection).forget(person_id)

    async def _with_factor(
        self,
        cookie: str | None,
        visitor: Visitor,
        code: str,
        use: Callable[[UnitOfWork, UUID, str], Awaitable[None]],
        what: str,
        browser: str | None,
    ) -> Outcome:
        under_way = await self.under_way(cookie)
        person_id, device = under_way.person_id, visitor.device_digest
        guess = self._throttle.guess(f"{what} {person_id}", visitor.address, device, browser)
        with self._throttle.judging(guess) as admitted:
            credentials = await self._reader.credentials(person_id, device, guess.keys)
            attempt = await admitted(credentials.counts, credentials.device_known)
            try:
                async with self._new_uow() as uow:
                    current().actor = str(person_id)
                    await use(uow, person_id, code)
                    await self._throttle.succeeded(uow, attempt)
                    proved = under_way.after("otp", "mfa")
                    return await uow.commit(
                        await self._go_on(uow, proved, visitor, credentials, cookie)
                    )
            except WrongCode:
                await self._failed(attempt, person_id, "second_factor")
                raise

    async def _at_once(
        self, under_way: SignInUnderWay, visitor: Visitor, credentials: Credentials
    ) -> SignedIn | None:
        """The session where nothing else is to be written; None where another step comes first."""
        if await self._step(under_way, credentials) is not None:
            return None
        current().actor = str(under_way.person_id)
        device_cookie, kept = _device_cookie(visitor, credentials)
        session, session_cookie = await self._sessions.open(
            under_way.person_id, under_way.amr, visitor.device, digest(device_cookie)
        )
        return SignedIn(
            session, session_cookie, None if kept else device_cookie, under_way.return_to
        )

    async def _go_on(
        self,
        uow: UnitOfWork,
        under_way: SignInUnderWay,
        visitor: Visitor,
        credentials: Credentials,
        cookie: str | None = None,
    ) -> Outcome:
        """The session, or the next step; `cookie` is that of a sign-in that has one already."""
        store = self._stores(uow.connection)
        step = await self._step(under_way, credentials)
        if step is not None:
            if cookie is not None:
                await store.prove(digest(cookie), under_way.amr)
                return Unfinished(step, None)
            cookie = secrets.token_urlsafe(32)
            await store.add(under_way, digest(cookie))
            return Unfinished(step, cookie)
        if cookie is not None and not await store.take(digest(cookie)):
            raise SignInExpired("Sign in again.", zh="请重新登录。")
        person_id = under_way.person_id
        current().actor = str(person_id)
        device_cookie, kept = _device_cookie(visitor, credentials)
        session, session_cookie = await self._sessions.start(
            uow,
            person_id,
            under_way.amr,
            visitor.device,
            visitor.session,
            digest(device_cookie),
        )
        return SignedIn(
            session, session_cookie, None if kept else device_cookie, under_way.return_to
        )

    async def _step(self, under_way: SignInUnderWay, credentials: Credentials) -> Step | None:
        if "mfa" not in under_way.amr:
            if credentials.has_factor:
                return Step.SECOND_FACTOR
            if await factor_is_due(self._directory, self._profile, under_way.person_id):
                return Step.ENROL
        changed_at = credentials.changed_at
        if "pwd" in under_way.amr and changed_at is not None:
            expired = self._profile.expired(changed_at, self._clock())
            return Step.NEW_PASSWORD if expired else None
        return None

    async def _answered(self, credential: str, bound_to: str, person_id: UUID | None) -> Proof:
        try:
            return await self._passkeys.answer(credential, bound_to, person_id)
        except PasskeyRefused:
            async with self._new_uow() as uow:
                target = str(person_id) if person_id else "passkey"
                uow.audit.record("sign_in.refused", target, factor="passkey")
                await uow.commit()
            raise

    async def _credentials(self, person_id: UUID, visitor: Visitor) -> Credentials:
        return await self._reader.credentials(person_id, visitor.device_digest)

    async def _failed(self, attempt: Attempt, person_id: UUID, factor: str) -> None:
        async with self._new_uow() as uow:
            await self._throttle.failed(uow, attempt)
            target = "unknown" if person_id == NOBODY else str(person_id)
            uow.audit.record(
                "sign_in.refused", target, factor=factor, caller=attempt.caller.hex()[:12]
            )
            await uow.commit()


def _device_cookie(visitor: Visitor, credentials: Credentials) -> tuple[str, bool]:
    """What the browser will be known by, and whether it keeps that already."""
    if visitor.device_cookie and credentials.device_ours:
        return visitor.device_cookie, True
    return secrets.token_urlsafe(32), False
