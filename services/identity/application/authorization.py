"""What a person is asked before a client gets a code, and the code (OpenID Connect Core §3.1.2)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Literal, NamedTuple, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.application.accounts import lacks_factor
from services.identity.application.client_authentication import KnownClients
from services.identity.application.keys import SigningKeys
from services.identity.application.organisations_ports import OrganisationTree
from services.identity.application.sessions import TWO_FACTORS, Session
from services.identity.application.tokens_ports import People
from services.identity.domain.authorization import (
    CODE_LIFE,
    LONGEST_LIFE,
    UNREFRESHED_LIFE,
    Authorization,
    AuthorizationRequest,
    OAuthError,
    ToldOtherwise,
    UnknownAddress,
    UnknownClient,
)
from services.identity.domain.clients import Client
from services.identity.domain.passwords import Profile
from services.identity.domain.tokens import fingerprint, new_secret
from shared.clock import Clock
from shared.context import current
from shared.database import UnitOfWork
from shared.ids import uuid7


class Ask(Enum):
    """What has to happen before the code."""

    SIGN_IN = "sign in"
    CONSENT = "consent"


@dataclass(frozen=True, slots=True)
class NewCode:
    """A code to be stored: under its hash, with what the exchange must repeat."""

    hash: bytes
    redirect_uri: str
    code_challenge: str | None
    nonce: str | None
    expires_at: datetime


class AuthorizationStore(Protocol):
    async def consented(self, person_id: UUID, client_id: UUID) -> frozenset[str]:
        """The scopes that the person has let the client have."""
        ...

    async def consent(
        self, person_id: UUID, client_id: UUID, scopes: frozenset[str], at: datetime
    ) -> None:
        """Add `scopes` to them."""
        ...

    async def add(self, authorization: Authorization) -> None: ...

    async def add_code(self, authorization_id: UUID, code: NewCode) -> None: ...

    async def forget(self, person_id: UUID, at: datetime) -> None:
        """Revoke all that the person gave to clients, and forget the consents."""
        ...


class Introduction(NamedTuple):
    """Who asks, and whom: the names of the organisation behind a client and of a person.
    ``withheld`` is what a guardian has not consented to."""

    owner: str
    account: str
    withheld: frozenset[str]


class Introductions:
    """Names for the pages on which a person decides."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        tree: Callable[[AsyncConnection], OrganisationTree],
        people: People,
    ) -> None:
        self._new_uow = new_uow
        self._tree = tree
        self._people = people

    async def of(self, client: Client, session: Session, wanted: frozenset[str]) -> Introduction:
        async with self._new_uow() as uow:
            owner = await self._tree(uow.connection).by_id(client.organisation_id)
        allowed = await self._people.allowed_scopes(
            session.person_id, wanted, third_party=client.third_party
        )
        name = owner.name if owner else ""
        return Introduction(name, await self.account(session), wanted - allowed)

    async def account(self, session: Session) -> str:
        claims = await self._people.userinfo(session.person_id, frozenset({"profile"}))
        return str(claims.get("name") or claims.get("preferred_username") or "")


class Authorizations:
    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], AuthorizationStore],
        clients: KnownClients,
        keys: SigningKeys,
        people: People,
        profile: Profile,
        issuer: str,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._clients = clients
        self._keys = keys
        self._people = people
        self._profile = profile
        self._issuer = issuer
        self._clock = clock

    async def destination(self, client_id: str, redirect_uri: str) -> Client:
        """The client, whose address that is. Raises `UnknownClient`, `UnknownAddress`."""
        found = await self._clients.live(client_id)
        if found is None:
            raise UnknownClient
        client, _ = found
        if not client.redirects_to(redirect_uri):
            raise UnknownAddress
        return client

    async def decide(self, request: AuthorizationRequest, session: Session | None) -> Ask | str:
        """The code, or what has to happen before. Raises `OAuthError`."""
        if session is None or await self._sign_in_is_due(request, session):
            if request.silent:
                raise OAuthError("login_required", "the person has to sign in")
            if session and request.returning(session) and self._is_stranger(request, session):
                raise OAuthError("login_required", "somebody else signed in")
            return Ask.SIGN_IN
        if request.claims.acr and session.acr not in request.claims.acr:
            raise OAuthError("unmet_authentication_requirements", f"signed in with {session.acr}")
        allowed = await self._allowed(request, session)
        async with self._new_uow() as uow:
            if await self._unasked(uow, request, session):
                if request.silent:
                    raise OAuthError("consent_required", "the person has not been asked")
                return Ask.CONSENT
            return await uow.commit(await self._grant(uow, request, session, allowed))

    async def consent(
        self, request: AuthorizationRequest, session: Session, shown: str
    ) -> Literal[Ask.SIGN_IN] | str:
        """The person lets the client have what it asks for; the code, unless signing in comes
        first. ``shown`` is `Client.introduced` of the page. Raises `OAuthError`, `UnknownClient`,
        `ToldOtherwise`."""
        if await self._sign_in_is_due(request, session):
            return Ask.SIGN_IN
        allowed = await self._allowed(request, session)
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            client = await self._clients.held(uow, request.client.id)
            if client is None:
                raise UnknownClient
            if client.introduced(request.wanted) != shown:
                self._clients.forget(client.id)
                raise ToldOtherwise
            person_id = session.person_id
            current().actor = str(person_id)
            await store.consent(person_id, client.id, request.wanted, self._clock())
            uow.audit.record(
                "client.consented", str(client.id), person=person_id, scopes=sorted(request.wanted)
            )
            return await uow.commit(await self._grant(uow, request, session, allowed))

    async def erase(self, uow: UnitOfWork, person_id: UUID) -> None:
        """End what a person who is erased gave to clients; their tokens are voided elsewhere."""
        await self._store(uow.connection).forget(person_id, self._clock())

    async def _sign_in_is_due(self, request: AuthorizationRequest, session: Session) -> bool:
        return (
            self._is_stranger(request, session)
            or not request.met_by(session, self._clock())
            or await self._lacks_factor(session)
        )

    def _is_stranger(self, request: AuthorizationRequest, session: Session) -> bool:
        """Whether the client expects somebody else."""
        expected = self._hinted(request)
        return expected is not None and expected != str(session.person_id)

    async def _lacks_factor(self, session: Session) -> bool:
        """Whether a role, given since the sign-in perhaps, asks for more than was proved then."""
        if session.acr == TWO_FACTORS or not self._profile.second_factor_roles:
            return False
        grants = await self._people.grants(session.person_id)
        return lacks_factor(self._profile, grants, session.acr)

    def _hinted(self, request: AuthorizationRequest) -> str | None:
        """The person whom the client expects."""
        if request.id_token_hint is None:
            return None
        claims = self._keys.read_hint(request.id_token_hint, self._issuer)
        if claims is None:
            raise OAuthError("invalid_request", "id_token_hint is no ID token of this issuer")
        return str(claims["sub"])

    async def _allowed(self, request: AuthorizationRequest, session: Session) -> frozenset[str]:
        return await self._people.allowed_scopes(
            session.person_id, request.scopes, third_party=request.client.third_party
        )

    async def _unasked(
        self, uow: UnitOfWork, request: AuthorizationRequest, session: Session
    ) -> bool:
        if "consent" in request.prompt:
            return True
        if request.client.terms.trusted:
            return False
        store = self._store(uow.connection)
        known = await store.consented(session.person_id, request.client.id)
        return not request.wanted <= known

    async def _grant(
        self,
        uow: UnitOfWork,
        request: AuthorizationRequest,
        session: Session,
        allowed: frozenset[str],
    ) -> str:
        now = self._clock()
        offline = "offline_access" in request.scopes
        ends_at = now + LONGEST_LIFE if offline else min(session.expires_at, now + LONGEST_LIFE)
        authorization = Authorization(
            id=uuid7(),
            client_id=request.client.id,
            person_id=session.person_id,
            session_id=session.id,
            scopes=request.scopes,
            auth_time=session.authenticated_at,
            acr=session.acr,
            amr=session.amr,
            created_at=now,
            expires_at=now + UNREFRESHED_LIFE,
            ends_at=ends_at,
            claims=request.claims,
        )
        code = new_secret()
        kept = NewCode(
            hash=fingerprint(code),
            redirect_uri=request.redirect_uri,
            code_challenge=request.code_challenge,
            nonce=request.nonce,
            expires_at=now + CODE_LIFE,
        )
        store = self._store(uow.connection)
        await store.add(authorization)
        await store.add_code(authorization.id, kept)
        current().actor = str(session.person_id)
        uow.audit.record(
            "client.authorized",
            str(request.client.id),
            person=session.person_id,
            authorization=authorization.id,
            **opened(request.scopes, allowed),
        )
        return code


def opened(asked: frozenset[str], allowed: frozenset[str]) -> dict[str, Any]:
    """What the audit trail says of an authorization: the scopes that it opens at the time, and
    those that wait for a guardian's consent."""
    return {"scopes": sorted(allowed), "withheld": sorted(asked - allowed)}
