from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.domain.client_addresses import ApplicationType
from services.identity.domain.clients import (
    ApiKey,
    AuthMethod,
    Client,
    ClientSecret,
    ClientState,
    Description,
    GrantType,
    Proposal,
    QuotaClass,
    Terms,
)

_CLIENT = (
    "SELECT c.id, c.organisation_id, ltree2text(o.path) AS path, c.name, c.purpose,"
    " c.application_type, c.auth_method, c.redirect_uris, c.post_logout_redirect_uris, c.jwks,"
    " c.scopes, c.grant_types, c.pkce_required, c.trusted, c.quota_class, c.state,"
    " c.requested_by, c.version, c.created_at, c.updated_at, c.networks, c.proposal"
    " FROM clients c JOIN organisations o ON o.id = c.organisation_id"
)
_GET = text(f"{_CLIENT} WHERE c.id = :id")
_LOCK = text(f"{_CLIENT} WHERE c.id = :id FOR UPDATE OF c")
_HOLD = text(f"{_CLIENT} WHERE c.id = :id FOR SHARE OF c")
_PAGE = text(
    f"{_CLIENT} WHERE o.path <@ CAST(CAST(:paths AS text[]) AS ltree[])"
    " AND (CAST(:state AS text) IS NULL OR c.state = :state)"
    " AND (CAST(:before AS uuid) IS NULL OR c.id < :before)"
    " ORDER BY c.id DESC LIMIT :limit"
)
_BELOW = text(
    f"{_CLIENT} WHERE o.path <@ text2ltree(:path)"
    " AND c.state IN ('REQUESTED', 'APPROVED', 'SUSPENDED') ORDER BY c.id FOR UPDATE OF c"
)
_ADD = text(
    "INSERT INTO clients (id, organisation_id, name, purpose, application_type, auth_method,"
    " redirect_uris, post_logout_redirect_uris, jwks, scopes, grant_types, pkce_required, trusted,"
    " quota_class, state, requested_by, version, created_at, updated_at, networks, proposal)"
    " VALUES (:id, :organisation_id, :name, :purpose, :application_type, :auth_method,"
    " :redirect_uris, :post_logout_redirect_uris, CAST(:jwks AS jsonb), :scopes, :grant_types,"
    " :pkce_required, :trusted, :quota_class, :state, :requested_by, :version, :created_at,"
    " :updated_at, :networks, CAST(:proposal AS jsonb))"
)
_SAVE = text(
    "UPDATE clients SET name = :name, purpose = :purpose, redirect_uris = :redirect_uris,"
    " post_logout_redirect_uris = :post_logout_redirect_uris, jwks = CAST(:jwks AS jsonb),"
    " scopes = :scopes, grant_types = :grant_types, pkce_required = :pkce_required,"
    " trusted = :trusted, quota_class = :quota_class, state = :state, version = :version,"
    " updated_at = :updated_at, networks = :networks, proposal = CAST(:proposal AS jsonb)"
    " WHERE id = :id"
)
_SECRETS = text(
    "SELECT id, hash, created_at, expires_at FROM client_secrets WHERE client_id = :client_id"
    " AND (expires_at IS NULL OR expires_at > :now) ORDER BY created_at, id"
)
_ADD_SECRET = text(
    "INSERT INTO client_secrets (id, client_id, hash, created_at, expires_at)"
    " VALUES (:id, :client_id, :hash, :created_at, :expires_at)"
)
_END_SECRET = text(
    "UPDATE client_secrets SET expires_at = :at WHERE client_id = :client_id AND id = :id"
    " AND (expires_at IS NULL OR expires_at > :at)"
)
_LIMIT_SECRETS = text(
    "UPDATE client_secrets SET expires_at = :at WHERE client_id = :client_id"
    " AND (expires_at IS NULL OR expires_at > :at)"
)
_FORGET_CONSENTS = text(
    "DELETE FROM client_consents WHERE client_id = :client_id RETURNING person_id"
)
# By itself: what was given while the deletion waited for the consent is seen by now.
_END_CONSENTED = text(
    "UPDATE authorizations SET revoked_at = :at WHERE client_id = :client_id"
    " AND person_id = ANY(:people) AND revoked_at IS NULL"
)
_NOTE_ASSERTION = text(
    "INSERT INTO client_assertions (client_id, jti, expires_at)"
    " VALUES (:client_id, :jti, :expires_at) ON CONFLICT DO NOTHING"
)
_KEY = (
    "SELECT id, client_id, name, hash, scopes, created_by, created_at, expires_at, last_used_at,"
    " revoked_at FROM api_keys"
)
_GET_KEY = text(f"{_KEY} WHERE id = :id")
_PAGE_KEYS = text(
    f"{_KEY} WHERE client_id = :client_id AND (CAST(:at AS timestamptz) IS NULL"
    " OR (created_at, id) < (:at, :id)) ORDER BY created_at DESC, id DESC LIMIT :limit"
)
_ADD_KEY = text(
    "INSERT INTO api_keys (id, client_id, name, hash, scopes, created_by, created_at, expires_at)"
    " VALUES (:id, :client_id, :name, :hash, :scopes, :created_by, :created_at, :expires_at)"
)
_REVOKE_KEY = text(
    "UPDATE api_keys SET revoked_at = COALESCE(revoked_at, :at)"
    " WHERE client_id = :client_id AND id = :id"
)
_USED_KEY = text("UPDATE api_keys SET last_used_at = :at WHERE id = :id")


class ClientRows:
    """`services.identity.application.clients.ClientStore` over PostgreSQL."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, client_id: UUID, *, lock: bool = False) -> Client | None:
        return await self._one(_LOCK if lock else _GET, client_id)

    async def held(self, client_id: UUID) -> Client | None:
        return await self._one(_HOLD, client_id)

    async def _one(self, query: TextClause, client_id: UUID) -> Client | None:
        row = (await self._connection.execute(query, {"id": client_id})).one_or_none()
        return None if row is None else _client(row)

    async def page(
        self, paths: Sequence[str], state: ClientState | None, before: UUID | None, limit: int
    ) -> list[Client]:
        query = {"paths": list(paths), "state": state, "before": before, "limit": limit}
        return [_client(row) for row in await self._connection.execute(_PAGE, query)]

    async def below(self, path: str) -> list[Client]:
        return [_client(row) for row in await self._connection.execute(_BELOW, {"path": path})]

    async def add(self, client: Client) -> None:
        await self._connection.execute(_ADD, _row(client))

    async def save(self, client: Client) -> None:
        await self._connection.execute(_SAVE, _row(client))

    async def secrets(self, client_id: UUID, now: datetime) -> list[ClientSecret]:
        rows = await self._connection.execute(_SECRETS, {"client_id": client_id, "now": now})
        return [ClientSecret(*row) for row in rows]

    async def add_secret(self, client_id: UUID, secret: ClientSecret) -> None:
        row = {"client_id": client_id, **secret._asdict()}
        await self._connection.execute(_ADD_SECRET, row)

    async def end_secret(self, client_id: UUID, secret_id: UUID, at: datetime) -> bool:
        row = {"client_id": client_id, "id": secret_id, "at": at}
        return (await self._connection.execute(_END_SECRET, row)).rowcount == 1

    async def forget_consents(self, client_id: UUID, at: datetime) -> None:
        row = {"client_id": client_id}
        people = list(await self._connection.scalars(_FORGET_CONSENTS, row))
        await self._connection.execute(_END_CONSENTED, {**row, "people": people, "at": at})

    async def limit_secrets(self, client_id: UUID, at: datetime) -> None:
        await self._connection.execute(_LIMIT_SECRETS, {"client_id": client_id, "at": at})


class AssertionRows:
    """`services.identity.application.client_authentication.AssertionStore` over PostgreSQL."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def note(self, client_id: UUID, jti: str, expires_at: datetime) -> bool:
        row = {"client_id": client_id, "jti": jti, "expires_at": expires_at}
        return (await self._connection.execute(_NOTE_ASSERTION, row)).rowcount == 1


class ApiKeyRows:
    """`services.identity.application.api_keys.ApiKeyStore` over PostgreSQL."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def page(
        self, client_id: UUID, before: tuple[datetime, str] | None, limit: int
    ) -> list[ApiKey]:
        at, key_id = before or (None, None)
        query = {"client_id": client_id, "at": at, "id": key_id, "limit": limit}
        return [_key(row) for row in await self._connection.execute(_PAGE_KEYS, query)]

    async def get(self, key_id: str) -> ApiKey | None:
        row = (await self._connection.execute(_GET_KEY, {"id": key_id})).one_or_none()
        return None if row is None else _key(row)

    async def add(self, key: ApiKey) -> None:
        row = {
            "id": key.id,
            "client_id": key.client_id,
            "name": key.name,
            "hash": key.hash,
            "scopes": sorted(key.scopes),
            "created_by": key.created_by,
            "created_at": key.created_at,
            "expires_at": key.expires_at,
        }
        await self._connection.execute(_ADD_KEY, row)

    async def revoke(self, client_id: UUID, key_id: str, at: datetime) -> bool:
        row = {"client_id": client_id, "id": key_id, "at": at}
        return (await self._connection.execute(_REVOKE_KEY, row)).rowcount == 1

    async def used(self, key_id: str, at: datetime) -> None:
        await self._connection.execute(_USED_KEY, {"id": key_id, "at": at})


def _client(row: Row[Any]) -> Client:
    return Client(
        id=row.id,
        organisation_id=row.organisation_id,
        path=row.path,
        name=row.name,
        purpose=row.purpose,
        application_type=ApplicationType(row.application_type),
        auth_method=AuthMethod(row.auth_method),
        redirect_uris=tuple(row.redirect_uris),
        post_logout_redirect_uris=tuple(row.post_logout_redirect_uris),
        jwks=row.jwks,
        terms=Terms(
            scopes=frozenset(row.scopes),
            grant_types=frozenset(map(GrantType, row.grant_types)),
            pkce_required=row.pkce_required,
            trusted=row.trusted,
            quota_class=QuotaClass(row.quota_class),
        ),
        state=ClientState(row.state),
        requested_by=row.requested_by,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        networks=tuple(row.networks),
        proposal=None if row.proposal is None else _proposal(row.proposal),
    )


def _proposal(told: Mapping[str, Any]) -> Proposal:
    description = told["description"]
    lists = ("redirect_uris", "post_logout_redirect_uris", "networks")
    return Proposal(
        Description(**{**description, **{name: tuple(description[name]) for name in lists}}),
        told["by"],
    )


def _row(client: Client) -> dict[str, Any]:
    terms = client.terms
    return {
        "id": client.id,
        "organisation_id": client.organisation_id,
        "name": client.name,
        "purpose": client.purpose,
        "application_type": client.application_type,
        "auth_method": client.auth_method,
        "redirect_uris": list(client.redirect_uris),
        "post_logout_redirect_uris": list(client.post_logout_redirect_uris),
        "jwks": None if client.jwks is None else orjson.dumps(client.jwks).decode(),
        "networks": list(client.networks),
        "proposal": client.proposal and orjson.dumps(client.proposal).decode(),
        "scopes": sorted(terms.scopes),
        "grant_types": sorted(terms.grant_types),
        "pkce_required": terms.pkce_required,
        "trusted": terms.trusted,
        "quota_class": terms.quota_class,
        "state": client.state,
        "requested_by": client.requested_by,
        "version": client.version,
        "created_at": client.created_at,
        "updated_at": client.updated_at,
    }


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        client_id=row.client_id,
        name=row.name,
        hash=row.hash,
        scopes=frozenset(row.scopes),
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )
