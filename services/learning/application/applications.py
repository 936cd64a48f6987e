"""Which application calls, and what it may reach.

Secrets are random, so a fast hash guards them; who was seen is remembered for a while, which bounds
how long a revoked application still gets in.
"""

import asyncio
import base64
import binascii
import hashlib
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from services.learning.domain.applications import (
    Application,
    Class,
    Scope,
    ScopeMissing,
    UnknownApplication,
    UsernameTaken,
)
from services.learning.domain.xapi.rules import Json
from services.learning.ports import Applications
from shared.access import grants_of
from shared.database import UnitOfWork
from shared.principal import Principal

SEEN_SECONDS = 30.0
SEEN_AT_MOST = 10_000
UNPLACED = "unplaced"
"""Where a client keeps records of people who hold no role anywhere."""

_FOR_ITSELF = {
    "learning.write": frozenset({Scope.WRITE, Scope.STATE, Scope.PROFILE, Scope.DEFINE}),
    "learning.read": frozenset({Scope.READ_MINE}),
}
_FOR_A_PERSON = {
    "learning.write": frozenset({Scope.WRITE, Scope.STATE}),
    "learning.read": frozenset({Scope.READ_MINE}),
}


@dataclass(frozen=True, slots=True)
class Access:
    """The calling application, and the person it acts for: then only that person's records are
    in reach. ``client`` is the id of one that sent a token."""

    application: Application
    person: str | None = None
    client: str | None = None

    @property
    def shelf(self) -> str:
        """What stands for the application where it keeps documents: the same wherever whom it acts
        for belongs by now. A label of an ltree."""
        if self.client is None:
            return f"application_{self.application.id}"
        return f"client_{re.sub('[^0-9A-Za-z]', '_', self.client)}"


NOBODY = Access(Application(0, "anonymous", "", UNPLACED, frozenset(), Class.ANALYTICS))
"""Who asks for what is public."""


class NewApplication(NamedTuple):
    """What was registered, with the secret that is told this once."""

    application: Application
    secret: str


class Registry:
    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        applications: Applications,
        verify: Callable[[str], Principal],
        issuer: str,
    ) -> None:
        self._new_uow = new_uow
        self._applications = applications
        self._verify = verify
        self._issuer = issuer
        self._seen: OrderedDict[str, tuple[Application, float]] = OrderedDict()
        self._reach: dict[tuple[str | None, ...], tuple[Sequence[int], float]] = {}
        self._registering = asyncio.Lock()

    async def identify(self, authorization: str) -> Access:
        """Who sends this Authorization header: Basic (RFC 7617) or Bearer (RFC 6750).

        Raises `UnknownApplication` or `shared.errors.Unauthenticated`.
        """
        scheme, _, credentials = authorization.partition(" ")
        match scheme.lower():
            case "basic":
                return Access(await self._by_password(credentials.strip()))
            case "bearer":
                return await self._by_token(credentials.strip())
        raise UnknownApplication(
            "Send Basic credentials of an application, or an access token.",
            zh="请提供应用的 Basic 凭据或访问令牌。",
        )

    async def reach(self, access: Access) -> Sequence[int]:
        """The applications whose statements may be read. Raises `ScopeMissing`."""
        application = access.application
        application.admit(Scope.READ_MINE)
        if application.may(Scope.READ):
            ask = partial(self._applications.below, application.path)
        elif access.client is not None:
            # Who moves keeps their records, though the application then acts from elsewhere; and an
            # organisation keeps those of a client that acts for it.
            where = None if access.person is not None else application.path
            ask = partial(self._applications.of_client, access.client, where)
        else:
            return [application.id]
        known = self._reach.get(ask.args)
        if known is None or known[1] < time.monotonic():
            known = self._reach[ask.args] = (await ask(), time.monotonic() + SEEN_SECONDS)
        return known[0] if application.id in known[0] else [*known[0], application.id]

    def agent_of(self, person: str) -> Json:
        """The agent that a person of this platform is."""
        return {"account": {"homePage": self._issuer, "name": person}}

    def admit_agent(self, access: Access, agent: Json) -> None:
        """Raises `ScopeMissing` when the access is a person's, and the agent another."""
        if (
            access.person is not None
            and agent.get("account") != (self.agent_of(access.person)["account"])
        ):
            raise ScopeMissing(
                "With a person's token, only that person's records are in reach.",
                zh="使用个人令牌时只能读写本人的记录。",
            )

    async def register(
        self, username: str, name: str, path: str, scopes: frozenset[Scope], kind: Class
    ) -> NewApplication:
        """Note an application with a new secret. Raises `UsernameTaken`."""
        secret = secrets.token_urlsafe(32)
        application = await self._added(
            Application(0, username, name, path, scopes, kind), _hash(secret)
        )
        return NewApplication(application, secret)

    async def rotate(self, username: str) -> NewApplication:
        """A new secret; the old one gets in for `SEEN_SECONDS` more at most. Raises
        `UnknownApplication`."""
        secret = secrets.token_urlsafe(32)
        async with self._new_uow() as uow:
            found = await self._applications.put_secret(uow, username, _hash(secret))
            application = _known(found, username)
            uow.audit.record("application.secret_changed", f"application/{application.id}")
            return await uow.commit(NewApplication(application, secret))

    async def revoke(self, username: str) -> None:
        """It gets in for `SEEN_SECONDS` more at most, and nobody else ever has its name; what it
        stored stays. Raises `UnknownApplication`."""
        async with self._new_uow() as uow:
            application = _known(await self._applications.revoke(uow, username), username)
            uow.audit.record("application.revoked", f"application/{application.id}")
            await uow.commit()

    async def is_organisation(self, path: str) -> bool:
        """Whether identity told of an open organisation there."""
        return await self._applications.is_organisation(path)

    async def _by_password(self, credentials: str) -> Application:
        known = self._seen.get(credentials)
        if known is not None and known[1] > time.monotonic():
            return known[0]
        try:
            pair = base64.b64decode(credentials, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            pair = ""
        username, _, secret = pair.partition(":")
        application = None
        if "\0" not in username:  # which no text of PostgreSQL holds, nor RFC 7617 §2 allows
            application = await self._applications.by_secret(username, _hash(secret))
        if application is None:
            raise UnknownApplication("Check the user name and password.", zh="请检查用户名和密码。")
        self._seen[credentials] = (application, time.monotonic() + SEEN_SECONDS)
        if len(self._seen) > SEEN_AT_MOST:
            self._seen.popitem(last=False)
        return application

    async def _by_token(self, token: str) -> Access:
        principal = self._verify(token)
        person = None if principal.subject == principal.client else principal.subject
        offered = _FOR_ITSELF if person is None else _FOR_A_PERSON
        scopes = frozenset(s for name in principal.scopes for s in offered.get(name, ()))
        grants = grants_of(principal)
        path = grants[0].path if grants else UNPLACED
        username = f"{principal.client} {path}"
        known = self._seen.get(username)
        application = known[0] if known else await self._of_client(username, principal.client, path)
        self._seen[username] = (application, 0.0)
        return Access(replace(application, scopes=scopes), person, principal.client)

    async def _of_client(self, username: str, client: str, path: str) -> Application:
        async with self._registering:
            known = await self._applications.by_username(username)
            if known is not None:
                return known
            new = Application(0, username, client, path, frozenset(), Class.ORDINARY)
            try:
                return await self._added(new, None)
            except UsernameTaken:  # by another process, just now
                found = await self._applications.by_username(username)
                if found is None:
                    raise UnknownApplication("The client was revoked.") from None
                return found

    async def _added(self, application: Application, secret_hash: bytes | None) -> Application:
        async with self._new_uow() as uow:
            number = await self._applications.add(uow, application, secret_hash)
            added = replace(application, id=number)
            uow.audit.record("application.registered", f"application/{number}")
            return await uow.commit(added)


def _known(application: Application | None, username: str) -> Application:
    if application is None:
        raise UnknownApplication(
            f"No application signs in as {username}, or it was revoked before.",
            zh=f"没有名为 {username} 的应用，或已被吊销。",
        )
    return application


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
