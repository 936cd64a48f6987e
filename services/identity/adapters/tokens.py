"""Authorizations, codes, refresh tokens and device codes in PostgreSQL.

A code and a refresh token are used up by an UPDATE that names the unused one: of two that come at
once, the second waits for the first to commit and then finds nothing.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.application.authorization import NewCode
from services.identity.application.devices import DeviceCode, DeviceState
from services.identity.application.tokens_ports import Standing
from services.identity.domain.authorization import Authorization, RequestedClaims
from services.identity.domain.tokens import StoredCode, StoredRefresh
from shared.reader import Reader

_AUTHORIZATION = (
    " a.id, a.client_id, a.person_id, a.session_id, a.scopes, a.claims, a.auth_time, a.acr, a.amr,"
    " a.created_at, a.expires_at, a.ends_at, a.revoked_at,"
    " LEAST(s.revoked_at, s.expires_at) AS session_ends_at"
)
_WITH_SESSION = " LEFT JOIN sessions s ON s.id = a.session_id"
_VOID_BEFORE = (
    " (SELECT max(before) FROM revocations r WHERE r.kind IN ('person', 'consent')"
    " AND r.value = CAST(a.person_id AS text)) AS void_before"
)
_CONSENTED = text(  # held, so that it is not withdrawn while something comes of it
    "SELECT scopes FROM client_consents WHERE person_id = :person_id AND client_id = :client_id"
    " FOR KEY SHARE"
)
_CONSENT = text(
    "INSERT INTO client_consents AS c (person_id, client_id, scopes, given_at)"
    " VALUES (:person_id, :client_id, :scopes, :at)"
    " ON CONFLICT (person_id, client_id) DO UPDATE SET given_at = excluded.given_at,"
    " scopes = ARRAY(SELECT DISTINCT unnest(c.scopes || excluded.scopes) ORDER BY 1)"
)
_FORGET_CONSENTS = text("DELETE FROM client_consents WHERE person_id = :person_id")
_END_ALL = text(
    "UPDATE authorizations SET revoked_at = :at WHERE person_id = :person_id AND revoked_at IS NULL"
)
_ADD = text(
    "INSERT INTO authorizations (id, client_id, person_id, session_id, scopes, claims, auth_time,"
    " acr, amr, created_at, expires_at, ends_at)"
    " VALUES (:id, :client_id, :person_id, :session_id, :scopes, CAST(:claims AS jsonb),"
    " :auth_time, :acr, :amr, :created_at, :expires_at, :ends_at)"
)
_ADD_CODE = text(
    "INSERT INTO authorization_codes"
    " (hash, authorization_id, redirect_uri, code_challenge, nonce, expires_at)"
    " VALUES (:hash, :authorization_id, :redirect_uri, :code_challenge, :nonce, :expires_at)"
)
_CODE = (
    f"SELECT{_AUTHORIZATION}, c.redirect_uri, c.code_challenge, c.nonce,"
    f" c.expires_at AS code_expires_at, c.used_at,{_VOID_BEFORE} FROM authorization_codes c"
    f" JOIN authorizations a ON a.id = c.authorization_id{_WITH_SESSION} WHERE c.hash = $1"
)
_USE_CODE = text(
    "UPDATE authorization_codes SET used_at = :at WHERE hash = :hash AND used_at IS NULL"
    " RETURNING hash"
)
_REFRESH_TOKEN = (
    f"SELECT{_AUTHORIZATION}, a.refresh_hash,{_VOID_BEFORE} FROM authorizations a{_WITH_SESSION}"
    " WHERE a.refresh_handle = $1"
)
_START_REFRESHING = text(
    "UPDATE authorizations SET refresh_handle = :handle, refresh_hash = :hash,"
    " expires_at = :expires_at WHERE id = :id"
)
_ROTATE = text(
    "UPDATE authorizations SET refresh_hash = :new, expires_at = :expires_at"
    " WHERE id = :id AND refresh_hash = :old AND revoked_at IS NULL RETURNING id"
)
_END = text(
    "UPDATE authorizations SET revoked_at = :at WHERE id = :id AND revoked_at IS NULL RETURNING id"
)
_STANDING = (
    "SELECT EXISTS (SELECT FROM revocations WHERE before > to_timestamp($1)"
    " AND (kind, value) IN (('token', $2), ('session', $3), ('family', $4),"
    " ('person', $5), ('consent', $5), ('client', $6))) AS revoked,"
    " EXISTS (SELECT FROM clients WHERE id = a.client_id AND NOT trusted) AS third_party,"
    " a.revoked_at, a.claims FROM (SELECT) one"
    " LEFT JOIN authorizations a ON a.id = $7"
)
_DEVICE_COLUMNS = (
    "SELECT d.hash, d.user_code, d.client_id AS device_client_id, d.scopes AS device_scopes,"
    " d.state, d.authorization_id, d.poll_seconds, d.polled_at, d.created_at AS asked_at,"
    " d.expires_at AS device_expires_at,"
)
_DEVICES = " FROM device_codes d LEFT JOIN authorizations a ON a.id = d.authorization_id"
_DEVICE = f"{_DEVICE_COLUMNS}{_AUTHORIZATION},{_VOID_BEFORE}{_DEVICES}{_WITH_SESSION}"
_DEVICE_BY_USER_CODE = f"{_DEVICE} WHERE d.user_code = :key"
_DEVICE_BY_HASH = f"{_DEVICE} WHERE d.hash = :key"
_LOCKED = " FOR UPDATE OF d"
_ADD_DEVICE = text(
    "INSERT INTO device_codes"
    " (hash, user_code, client_id, scopes, state, poll_seconds, created_at, expires_at)"
    " VALUES (:hash, :user_code, :client_id, :scopes, :state, :poll_seconds, :created_at,"
    " :expires_at)"
)
_SAVE_DEVICE = text(
    "UPDATE device_codes SET state = :state, authorization_id = :authorization_id,"
    " poll_seconds = :poll_seconds, polled_at = :polled_at WHERE hash = :hash"
)


class AuthorizationRows:
    """`services.identity.application.authorization.AuthorizationStore` over PostgreSQL."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def consented(self, person_id: UUID, client_id: UUID) -> frozenset[str]:
        pair = {"person_id": person_id, "client_id": client_id}
        found = (await self._connection.execute(_CONSENTED, pair)).scalar_one_or_none()
        return frozenset(found or ())

    async def consent(
        self, person_id: UUID, client_id: UUID, scopes: frozenset[str], at: datetime
    ) -> None:
        row = {"person_id": person_id, "client_id": client_id, "scopes": sorted(scopes), "at": at}
        await self._connection.execute(_CONSENT, row)

    async def add(self, authorization: Authorization) -> None:
        claims = {
            "userinfo": sorted(authorization.claims.userinfo),
            "id_token": sorted(authorization.claims.id_token),
        }
        row = {
            "id": authorization.id,
            "client_id": authorization.client_id,
            "person_id": authorization.person_id,
            "session_id": authorization.session_id,
            "scopes": sorted(authorization.scopes),
            "claims": orjson.dumps(claims).decode(),
            "auth_time": authorization.auth_time,
            "acr": authorization.acr,
            "amr": list(authorization.amr),
            "created_at": authorization.created_at,
            "expires_at": authorization.expires_at,
            "ends_at": authorization.ends_at,
        }
        await self._connection.execute(_ADD, row)

    async def add_code(self, authorization_id: UUID, code: NewCode) -> None:
        row = {
            "hash": code.hash,
            "authorization_id": authorization_id,
            "redirect_uri": code.redirect_uri,
            "code_challenge": code.code_challenge,
            "nonce": code.nonce,
            "expires_at": code.expires_at,
        }
        await self._connection.execute(_ADD_CODE, row)

    async def forget(self, person_id: UUID, at: datetime) -> None:
        await self._connection.execute(_FORGET_CONSENTS, {"person_id": person_id})
        await self._connection.execute(_END_ALL, {"person_id": person_id, "at": at})


class TokenReads:
    """`services.identity.application.tokens_ports.TokenReader` over PostgreSQL."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def code(self, hash_: bytes) -> StoredCode | None:
        row = await self._reader.fetchrow(_CODE, hash_)
        if row is None:
            return None
        return StoredCode(
            authorization=_authorization(row),
            redirect_uri=row["redirect_uri"],
            code_challenge=row["code_challenge"],
            nonce=row["nonce"],
            expires_at=row["code_expires_at"],
            used_at=row["used_at"],
            void_before=row["void_before"],
        )

    async def refresh_token(self, handle: bytes) -> StoredRefresh | None:
        row = await self._reader.fetchrow(_REFRESH_TOKEN, handle)
        if row is None:
            return None
        return StoredRefresh(_authorization(row), row["refresh_hash"], row["void_before"])

    async def standing(self, claims: Mapping[str, Any]) -> Standing:
        names = ("jti", "sid", "fam", "sub", "client_id")
        family = UUID(claims["fam"]) if "fam" in claims else None
        row = await self._reader.fetchrow(_STANDING, claims["iat"], *map(claims.get, names), family)
        revoked = row is None or row["revoked"] or row["revoked_at"] is not None
        if row is None:
            return Standing(revoked, RequestedClaims())
        return Standing(revoked, _claims(row["claims"] or {}), third_party=row["third_party"])


class TokenRows:
    """`services.identity.application.tokens_ports.TokenStore` over PostgreSQL."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def use_code(self, hash_: bytes, at: datetime) -> bool:
        used = await self._connection.execute(_USE_CODE, {"hash": hash_, "at": at})
        return used.one_or_none() is not None

    async def start_refreshing(
        self, authorization_id: UUID, handle: bytes, hash_: bytes, expires_at: datetime
    ) -> None:
        row = {"id": authorization_id, "handle": handle, "hash": hash_, "expires_at": expires_at}
        await self._connection.execute(_START_REFRESHING, row)

    async def rotate(
        self, authorization_id: UUID, old: bytes, new: bytes, expires_at: datetime
    ) -> bool:
        row = {"id": authorization_id, "old": old, "new": new, "expires_at": expires_at}
        return (await self._connection.execute(_ROTATE, row)).one_or_none() is not None

    async def end(self, authorization_id: UUID, at: datetime) -> bool:
        ended = await self._connection.execute(_END, {"id": authorization_id, "at": at})
        return ended.one_or_none() is not None


class DeviceRows:
    """`services.identity.application.devices.DeviceStore` over PostgreSQL."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, code: DeviceCode) -> None:
        row = {
            "hash": code.hash,
            "user_code": code.user_code,
            "client_id": code.client_id,
            "scopes": sorted(code.scopes),
            "state": code.state,
            "poll_seconds": code.poll_seconds,
            "created_at": code.created_at,
            "expires_at": code.expires_at,
        }
        await self._connection.execute(_ADD_DEVICE, row)

    async def by_user_code(self, user_code: str, *, lock: bool = False) -> DeviceCode | None:
        return await self._one(_DEVICE_BY_USER_CODE, user_code, lock=lock)

    async def by_hash(self, hash_: bytes, *, lock: bool = False) -> DeviceCode | None:
        return await self._one(_DEVICE_BY_HASH, hash_, lock=lock)

    async def _one(self, query: str, key: str | bytes, *, lock: bool) -> DeviceCode | None:
        statement = text(query + _LOCKED if lock else query)
        row = (await self._connection.execute(statement, {"key": key})).one_or_none()
        if row is None:
            return None
        return DeviceCode(
            hash=row.hash,
            user_code=row.user_code,
            client_id=row.device_client_id,
            scopes=frozenset(row.device_scopes),
            state=DeviceState(row.state),
            authorization=_authorization(dict(row._mapping)) if row.authorization_id else None,
            poll_seconds=row.poll_seconds,
            polled_at=row.polled_at,
            created_at=row.asked_at,
            expires_at=row.device_expires_at,
            void_before=row.void_before,
        )

    async def save(self, code: DeviceCode) -> None:
        row = {
            "hash": code.hash,
            "state": code.state,
            "authorization_id": code.authorization and code.authorization.id,
            "poll_seconds": code.poll_seconds,
            "polled_at": code.polled_at,
        }
        await self._connection.execute(_SAVE_DEVICE, row)


def _authorization(row: Mapping[str, Any]) -> Authorization:
    return Authorization(
        id=row["id"],
        client_id=row["client_id"],
        person_id=row["person_id"],
        session_id=row["session_id"],
        scopes=frozenset(row["scopes"]),
        auth_time=row["auth_time"],
        acr=row["acr"],
        amr=tuple(row["amr"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        ends_at=row["ends_at"],
        claims=_claims(row["claims"]),
        revoked_at=row["revoked_at"],
        session_ends_at=row["session_ends_at"],
    )


def _claims(stored: Mapping[str, Any]) -> RequestedClaims:
    names = (frozenset(stored.get(part, ())) for part in ("userinfo", "id_token"))
    return RequestedClaims(*names)
