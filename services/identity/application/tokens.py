"""Tokens: issued, rotated, looked into and revoked.

What a token says is read before the transaction that uses up a code or a refresh token, and the
token's time is taken before that: a suspension or a withdrawn consent that the reading missed has
a later time, and voids the token.
"""

import asyncio
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.application.accounts import lacks_factor
from services.identity.application.directory import Account
from services.identity.application.keys import SigningKeys
from services.identity.application.revocations import Revocations
from services.identity.application.tokens_ports import People, TokenReader, TokenStore
from services.identity.domain.authorization import (
    SCOPE_CLAIMS,
    Authorization,
    OAuthError,
    check_verifier,
    narrowed,
    scopes_of,
)
from services.identity.domain.clients import Client, GrantType
from services.identity.domain.passwords import Profile
from services.identity.domain.people import PersonDisabled, State
from services.identity.domain.tokens import (
    RefreshToken,
    RevocationKind,
    StoredRefresh,
    TokenSet,
    client_claims,
    fingerprint,
    id_claims,
    life_until,
    own_scopes,
    person_claims,
)
from shared.access import Grant, Role
from shared.clock import Clock
from shared.context import current
from shared.database import UnitOfWork
from shared.errors import Unauthenticated
from shared.principal import Principal, TokenVerifier

INTROSPECT_ANY = "gateway.introspect"


class Tokens:
    """``life`` is that of an access token, at the longest."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], TokenStore],
        reader: TokenReader,
        people: People,
        keys: SigningKeys,
        revocations: Revocations,
        verifier: TokenVerifier,
        issuer: str,
        life: timedelta,
        profile: Profile,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._reader = reader
        self._people = people
        self._keys = keys
        self._revocations = revocations
        self._verifier = verifier
        self._issuer = issuer
        self._life = life
        self._profile = profile
        self._clock = clock

    def for_client(self, client: Client, scope: str | None) -> TokenSet:
        """A token with which the client acts for itself (RFC 6749 §4.4), as an integrator of the
        organisation that owns it. Raises `OAuthError`."""
        _require(client, GrantType.CLIENT_CREDENTIALS)
        return self.acting(client, narrowed(scope, own_scopes(client)))

    def acting(
        self, client: Client, scopes: frozenset[str], until: datetime | None = None
    ) -> TokenSet:
        """An access token of `scopes` with which the client acts for itself, `until` then at the
        longest."""
        now = self._clock()
        life = life_until(until, now, self._life)
        grants = (str(Grant(Role.INTEGRATOR, client.path)),) if client.path else ()
        claims = client_claims(self._issuer, client, scopes, grants, now, life)
        return TokenSet(self._keys.sign_access(claims), scopes, life)

    async def exchange(
        self, client: Client, code: str, redirect_uri: str, verifier: str | None
    ) -> TokenSet:
        """Tokens for a code (RFC 6749 §4.1.3, RFC 7636 §4.6); a code used before ends all that
        came of it. Raises `OAuthError`."""
        _require(client, GrantType.AUTHORIZATION_CODE)
        hash_, now = fingerprint(code), self._clock()
        stored = await self._reader.code(hash_)
        if stored is None or stored.authorization.client_id != client.id:
            raise OAuthError("invalid_grant", "the code is unknown")
        if stored.used_at is not None:
            await self._end(stored.authorization, "a code was used again")
            raise OAuthError("invalid_grant", "the code was used before")
        if now >= stored.expires_at or not stored.authorization.live(now):
            raise OAuthError("invalid_grant", "the code has expired or was revoked")
        if redirect_uri != stored.redirect_uri:
            raise OAuthError("invalid_grant", "redirect_uri is not that of the request")
        check_verifier(stored.code_challenge, verifier)
        tokens = await self.prepare(
            client,
            stored.authorization,
            stored.authorization.scopes,
            now=await self.settled(stored.void_before),
            nonce=stored.nonce,
        )
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            if not await store.use_code(hash_, now):
                await self._end_in(uow, stored.authorization, "a code was used twice at once")
                await uow.commit()
                raise OAuthError("invalid_grant", "the code was used before")
            return await uow.commit(
                await self.start_refreshing(uow, client, stored.authorization, tokens)
            )

    async def refresh(self, client: Client, token: str, scope: str | None) -> TokenSet:
        """New tokens and the next refresh token (RFC 6749 §6); one used before ends all that came
        of the authorization, the newest refresh token included (RFC 9700 §4.14.2).

        Raises `OAuthError`.
        """
        _require(client, GrantType.REFRESH_TOKEN)
        given, now = RefreshToken.parse(token), self._clock()
        stored = await self._refreshable(client, given)
        if given is None or stored is None:
            raise OAuthError("invalid_grant", "the refresh token is unknown")
        authorization, hash_ = stored.authorization, fingerprint(given.secret)
        if hash_ != stored.hash:
            await self._end(authorization, "a refresh token was used again")
            raise OAuthError("invalid_grant", "the refresh token was used before")
        if not authorization.live(now):
            raise OAuthError("invalid_grant", "the refresh token has expired or was revoked")
        scopes = narrowed(scope, authorization.scopes)
        tokens = await self.prepare(
            client, authorization, scopes, now=await self.settled(stored.void_before), nonce=None
        )
        following = given.following()
        async with self._new_uow() as uow:
            rotated = await self._store(uow.connection).rotate(
                authorization.id,
                hash_,
                fingerprint(following.secret),
                authorization.refreshed_until(now),
            )
            if not rotated:
                await self._end_in(uow, authorization, "a refresh token was used twice at once")
                await uow.commit()
                raise OAuthError("invalid_grant", "the refresh token was used before")
            return await uow.commit(tokens.with_refresh(following))

    async def _refreshable(
        self, client: Client, given: RefreshToken | None
    ) -> StoredRefresh | None:
        if given is None:
            return None
        stored = await self._reader.refresh_token(fingerprint(given.handle))
        return stored if stored and stored.authorization.client_id == client.id else None

    async def prepare(
        self,
        client: Client,
        authorization: Authorization,
        scopes: frozenset[str],
        *,
        now: datetime,
        nonce: str | None,
    ) -> TokenSet:
        """Access token and ID token of an authorization, for as much of `scopes` as consent
        covers; the access token counts as issued `now`, and no role or consent in it ends before it
        does. Raises `OAuthError` for a person who may not be signed in, or whose roles ask for more
        than they proved: a token without those roles would look like their loss, while a new
        sign-in asks for the second factor."""
        person_id = authorization.person_id
        try:
            account = await self._active(person_id)
            allowed = await self._people.allowed_scopes(
                person_id, scopes, third_party=client.third_party
            )
            grants = await self._people.grants(person_id)
            if lacks_factor(self._profile, grants, authorization.acr):
                raise OAuthError("invalid_grant", "a role asks for a second factor: sign in again")
            life = life_until(await self._people.holds_until(person_id, now), now, self._life)
            asked = await self._asked(
                person_id, authorization.claims.id_token, third_party=client.third_party
            )
            await self._note_read(account, str(client.id), asked)
        except PersonDisabled as error:
            raise OAuthError("invalid_grant", "the account is not active") from error
        if not allowed:
            raise OAuthError("invalid_scope", "a guardian has not consented to any of the scopes")
        access_token = self._keys.sign_access(
            person_claims(self._issuer, authorization, allowed, grants, now, life)
        )
        if "openid" not in allowed:
            return TokenSet(access_token, allowed, life)
        claims = id_claims(
            self._issuer,
            authorization,
            self._clock(),
            access_token=access_token,
            nonce=nonce,
            asked=asked,
        )
        id_token = self._keys.sign_id(claims)
        return TokenSet(access_token, allowed, life, id_token=id_token)

    async def start_refreshing(
        self, uow: UnitOfWork, client: Client, authorization: Authorization, tokens: TokenSet
    ) -> TokenSet:
        """`tokens` with the first refresh token, if the client is registered for them."""
        if not client.may(GrantType.REFRESH_TOKEN):
            return tokens
        first, now = RefreshToken.first(), self._clock()
        await self._store(uow.connection).start_refreshing(
            authorization.id,
            fingerprint(first.handle),
            fingerprint(first.secret),
            authorization.refreshed_until(now),
        )
        return tokens.with_refresh(first)

    async def userinfo(self, principal: Principal) -> dict[str, Any]:
        """The claims that the token opens (Core §5.3). Raises `OAuthError`: ``invalid_token``,
        ``insufficient_scope``."""
        if "openid" not in principal.scopes:
            raise OAuthError("insufficient_scope", "the token lacks the scope openid")
        standing = await self._reader.standing(principal.claims)
        if standing.revoked:
            raise OAuthError("invalid_token", "the token was revoked")
        person_id = UUID(principal.subject)
        try:
            account = await self._active(person_id)
            opened = await self._people.userinfo(person_id, principal.scopes)
            asked = await self._asked(
                person_id, standing.claims.userinfo, third_party=standing.third_party
            )
        except PersonDisabled as error:
            raise OAuthError("invalid_token", "the account is not active") from error
        claims = {**asked, **opened, "sub": principal.subject}
        await self._note_read(account, principal.client, claims)
        return claims

    async def settled(self, void_before: datetime | None) -> datetime:
        """Now, once a token issued now is not void by what was revoked a moment ago: that takes a
        few seconds at most, and an ``iat`` in the future would be refused by others."""
        now = self._clock()
        if void_before is not None:
            good_from = math.ceil(void_before.timestamp())
            await asyncio.sleep(max(0.0, good_from - now.timestamp()))
            now = max(self._clock(), datetime.fromtimestamp(good_from, UTC))
        return now

    async def _active(self, person_id: UUID) -> Account:
        account = await self._people.account(person_id)
        if account is None or account.state is not State.ACTIVE:
            raise PersonDisabled
        return account

    async def _note_read(self, account: Account, reader: str, claims: Mapping[str, Any]) -> None:
        """Audit that a client reads a minor's data, for the guardians to see."""
        fields = sorted(claims.keys() - {"sub"})
        if not account.is_minor or not fields:
            return
        context = current()
        context.actor, context.on_behalf_of = reader, str(account.person_id)
        async with self._new_uow() as uow:
            uow.audit.record("person.read", str(account.person_id), fields=fields)
            await uow.commit()

    async def _asked(
        self, person_id: UUID, names: frozenset[str], *, third_party: bool
    ) -> dict[str, Any]:
        """Claims that were asked for by name, as far as consent covers their scopes."""
        if not names:
            return {}
        scopes = await self._people.allowed_scopes(
            person_id, scopes_of(names), third_party=third_party
        )
        known = await self._people.userinfo(person_id, scopes)
        opened = {name for scope in scopes for name in SCOPE_CLAIMS[scope]} & names
        return {name: value for name, value in known.items() if name in opened}

    async def introspect(self, client: Client, token: str) -> dict[str, Any]:
        """What a token is good for (RFC 7662 §2.2), told to the client that it was issued to and
        to the gateway; to others, and of void tokens, only that it is not active."""
        if token.count(".") == 2:
            return await self._introspect_access(client, token)
        given = RefreshToken.parse(token)
        stored = await self._refreshable(client, given)
        now = self._clock()
        if given is None or stored is None or fingerprint(given.secret) != stored.hash:
            return {"active": False}
        authorization = stored.authorization
        if not authorization.live(now):
            return {"active": False}
        try:
            allowed = await self._people.allowed_scopes(
                authorization.person_id, authorization.scopes, third_party=client.third_party
            )
        except PersonDisabled:
            return {"active": False}
        return {
            "active": True,
            "client_id": str(client.id),
            "sub": str(authorization.person_id),
            "scope": " ".join(sorted(allowed)),
            "exp": int(authorization.expires_at.timestamp()),
            "iss": self._issuer,
        }

    async def _introspect_access(self, client: Client, token: str) -> dict[str, Any]:
        try:
            principal = self._verifier.verify(token)
        except Unauthenticated:
            return {"active": False}
        if principal.client != str(client.id) and INTROSPECT_ANY not in client.terms.scopes:
            return {"active": False}
        standing = await self._reader.standing(principal.claims)
        if standing.revoked:
            return {"active": False}
        return {"active": True, "token_type": "Bearer", **principal.claims}

    async def revoke(self, client: Client, token: str) -> None:
        """End a token of the client (RFC 7009): a refresh token with all that came of its
        authorization, an access token alone. Unknown and void ones are no error.

        Raises `OAuthError` for a token of another client.
        """
        if token.count(".") != 2:
            stored = await self._refreshable(client, RefreshToken.parse(token))
            if stored is not None:
                await self._end(stored.authorization, "revoked by the client")
            return
        try:
            principal = self._verifier.verify(token)
        except Unauthenticated:
            return
        if principal.client != str(client.id):
            raise OAuthError("unauthorized_client", "the token was issued to another client")
        async with self._new_uow() as uow:
            await self._revocations.revoke(uow, RevocationKind.TOKEN, principal.claims["jti"])
            uow.audit.record(
                "token.revoked",
                principal.claims["jti"],
                client=client.id,
                person=principal.subject,
            )
            await uow.commit()

    async def _end(self, authorization: Authorization, reason: str) -> None:
        async with self._new_uow() as uow:
            await self._end_in(uow, authorization, reason)
            await uow.commit()

    async def _end_in(self, uow: UnitOfWork, authorization: Authorization, reason: str) -> None:
        if not await self._store(uow.connection).end(authorization.id, self._clock()):
            return
        await self._revocations.revoke(uow, RevocationKind.FAMILY, str(authorization.id))
        uow.audit.record(
            "authorization.ended",
            str(authorization.id),
            client=authorization.client_id,
            person=authorization.person_id,
            reason=reason,
        )


def _require(client: Client, grant: GrantType) -> None:
    if not client.may(grant):
        raise OAuthError("unauthorized_client", f"the client is not registered for {grant}")
