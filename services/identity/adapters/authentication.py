"""Passwords, sign-ins under way, known devices, invitations, and the counts of wrong guesses."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.adapters.personal_data import PersonalData
from services.identity.application.accounts import NOBODY, Credentials
from services.identity.application.invitations import Invitation
from services.identity.application.second_factors import Factors, PasskeyListed
from services.identity.application.sign_in import SignInUnderWay
from services.identity.domain.identifiers import login_keys
from services.identity.domain.passwords import blocklist
from shared.reader import Reader

_DAWN = datetime(1970, 1, 1, tzinfo=UTC)

_CREDENTIALS = """
SELECT who.id AS person_id, p.hash AS password_hash,
  coalesce(p.stands_alone, false) AS stands_alone, p.changed_at,
  EXISTS (SELECT FROM authenticators WHERE person_id = who.id AND confirmed_at IS NOT NULL)
    AS authenticator,
  (SELECT count(*) FROM passkeys WHERE person_id = who.id) AS passkeys,
  EXISTS (SELECT FROM known_devices WHERE secret_hash = $1 AND person_id = who.id) AS device_known,
  EXISTS (SELECT FROM known_devices WHERE secret_hash = $1) AS device_ours,
  ARRAY(SELECT key FROM throttle WHERE key = ANY($2::bytea[]) ORDER BY key) AS keys,
  ARRAY(SELECT tat FROM throttle WHERE key = ANY($2::bytea[]) ORDER BY key) AS tats
FROM who LEFT JOIN passwords p ON p.person_id = who.id
"""
_OF_PERSON = f"WITH who AS (SELECT $3::uuid AS id) {_CREDENTIALS}"
_BY_LOGIN = f"""
WITH known AS (
  SELECT i.person_id FROM unnest($3::text[], $4::bytea[]) AS typed (kind, search_hash)
  JOIN identifiers i USING (kind, search_hash)
  WHERE kind <> 'email' OR i.verified_at IS NOT NULL
  ORDER BY array_position($3, kind) LIMIT 1
), who AS MATERIALIZED (
  SELECT coalesce((SELECT p.id FROM known JOIN people p ON p.id = known.person_id
    WHERE p.state = 'ACTIVE'), '{NOBODY}') AS id
) {_CREDENTIALS}
"""  # noqa: S608 - constants
# Locked as by who changes it, yet open to the foreign keys of a sign-in under way.
_HOLD = text("SELECT FROM people WHERE id = :person_id FOR NO KEY UPDATE")
_FORMER = "SELECT hash FROM former_passwords WHERE person_id = $1 ORDER BY id DESC"
_UNDER_WAY = """
SELECT s.person_id, s.amr, s.return_to, s.expires_at
FROM sign_ins s JOIN people p ON p.id = s.person_id
WHERE s.secret_hash = $1 AND s.expires_at > $2 AND p.state = 'ACTIVE'
"""
_INVITATION = """
SELECT id, person_id, removes_factors, authority, issued_by, issued_at, expires_at
FROM invitations i WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2
  AND EXISTS (SELECT FROM people p WHERE p.id = i.person_id AND p.state IN ('INVITED', 'ACTIVE'))
"""
_FACTORS = """
SELECT
  (SELECT confirmed_at FROM authenticators WHERE person_id = $1) AS authenticator_since,
  (SELECT count(*) FROM recovery_codes WHERE person_id = $1) AS recovery_codes,
  (SELECT max(used_at) FROM invitations WHERE person_id = $1 AND cardinality(authority) > 0)
    AS helped_at
"""
_PASSKEYS = """
SELECT id, name, created_at, used_at FROM passkeys WHERE person_id = $1 ORDER BY created_at, id
"""

_PUT_PASSWORD = text(
    "INSERT INTO passwords (person_id, hash, stands_alone, changed_at)"
    " VALUES (:person_id, :hash, :stands_alone, :now)"
    " ON CONFLICT (person_id) DO UPDATE SET hash = excluded.hash,"
    " stands_alone = excluded.stands_alone, changed_at = excluded.changed_at"
)
_KEEP_FORMER = text("INSERT INTO former_passwords (person_id, hash) VALUES (:person_id, :hash)")
_DROP_FORMER = text(
    "DELETE FROM former_passwords WHERE person_id = :person_id AND id NOT IN"
    " (SELECT id FROM former_passwords WHERE person_id = :person_id"
    " ORDER BY id DESC LIMIT :history)"
)
_REHASH = text("UPDATE passwords SET hash = :new WHERE person_id = :person_id AND hash = :old")

_ADD_SIGN_IN = text(
    "INSERT INTO sign_ins (secret_hash, person_id, amr, return_to, expires_at)"
    " VALUES (:secret_hash, :person_id, :amr, :return_to, :expires_at)"
)
_PROVE = text("UPDATE sign_ins SET amr = :amr WHERE secret_hash = :secret_hash")
_TAKE = text("DELETE FROM sign_ins WHERE secret_hash = :secret_hash")
_COUNTS = text("SELECT key, tat FROM throttle WHERE key = ANY(:keys)")
_HOLD_COUNTS = text(
    "INSERT INTO throttle AS t (key, tat) SELECT key, :dawn FROM unnest(CAST(:keys AS bytea[]))"
    " AS asked (key) ORDER BY key"
    " ON CONFLICT (key) DO UPDATE SET tat = t.tat RETURNING key, tat"
)
_PUT_COUNT = text("UPDATE throttle SET tat = :tat WHERE key = :key")
_CLEAR_COUNT = text("DELETE FROM throttle WHERE key = :key")

_VOID_INVITATIONS = text(
    "UPDATE invitations SET expires_at = :now"
    " WHERE person_id = :person_id AND used_at IS NULL AND expires_at > :now"
)
_ADD_INVITATION = text(
    "INSERT INTO invitations"
    " (id, token_hash, person_id, removes_factors, authority, issued_by, issued_at, expires_at)"
    " VALUES (:id, :token_hash, :person_id, :removes_factors, :authority, :issued_by, :issued_at,"
    " :expires_at)"
)
_USE_INVITATION = text(
    "UPDATE invitations SET used_at = :now"
    " WHERE token_hash = :token_hash AND used_at IS NULL AND expires_at > :now"
    " RETURNING id, person_id, removes_factors, authority, issued_by, issued_at, expires_at"
)


def common_passwords() -> frozenset[str]:
    """The blocklist: those of at least eight characters in zxcvbn's list, and those of our own
    that follow Chinese habits."""
    # Imported here: its lists take a while, and only a process that serves needs them.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    ours = Path(__file__).with_name("common_passwords.txt").read_text().split()
    return blocklist({*ours, *(each for each in FREQUENCY_LISTS["passwords"] if len(each) >= 8)})


class AuthenticationReads:
    """Every reader of `services.identity.application` that asks about signing in."""

    def __init__(self, reader: Reader, personal: PersonalData) -> None:
        self._reader = reader
        self._personal = personal

    async def credentials(
        self, person_id: UUID, device: bytes | None = None, guesses: Collection[bytes] = ()
    ) -> Credentials:
        row = await self._reader.fetchrow(_OF_PERSON, device, list(guesses), person_id)
        return self._credentials(row)

    async def held(self, connection: AsyncConnection, person_id: UUID) -> Credentials:
        await connection.execute(_HOLD, {"person_id": person_id})
        return await self.credentials(person_id)

    async def credentials_by_login(
        self, login: str, device: bytes | None = None, guesses: Collection[bytes] = ()
    ) -> Credentials:
        keys = login_keys(login)
        hashed = [(key.kind, hash_) for key in keys for hash_ in self._personal.hashes(key)]
        kinds, hashes = zip(*hashed, strict=True)
        row = await self._reader.fetchrow(_BY_LOGIN, device, list(guesses), kinds, hashes)
        return self._credentials(row)

    def _credentials(self, row: Any) -> Credentials:
        found = dict(row)
        counts = zip(found.pop("keys"), found.pop("tats"), strict=True)
        return Credentials(**found, counts=dict(counts))

    async def former(self, person_id: UUID) -> Sequence[str]:
        return [row["hash"] for row in await self._reader.fetch(_FORMER, person_id)]

    async def under_way(self, secret_hash: bytes, now: datetime) -> SignInUnderWay | None:
        row = await self._reader.fetchrow(_UNDER_WAY, secret_hash, now)
        return SignInUnderWay(**{**row, "amr": tuple(row["amr"])}) if row else None

    async def invitation(self, token_hash: bytes, now: datetime) -> Invitation | None:
        row = await self._reader.fetchrow(_INVITATION, token_hash, now)
        return _invitation(row) if row else None

    async def factors(self, person_id: UUID) -> Factors:
        row: Any = await self._reader.fetchrow(_FACTORS, person_id)
        passkeys = await self._reader.fetch(_PASSKEYS, person_id)
        return Factors(**row, passkeys=[PasskeyListed(**each) for each in passkeys])


class _Rows:
    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def _run(self, statement: Any, **values: Any) -> Any:
        return await self._connection.execute(statement, values)


class PasswordRows(_Rows):
    """`services.identity.application.passwords.PasswordStore` over PostgreSQL."""

    async def put(
        self, person_id: UUID, hash_: str, *, stands_alone: bool, now: datetime, history: int
    ) -> None:
        await self._run(
            _PUT_PASSWORD, person_id=person_id, hash=hash_, stands_alone=stands_alone, now=now
        )
        if history:
            await self._run(_KEEP_FORMER, person_id=person_id, hash=hash_)
        await self._run(_DROP_FORMER, person_id=person_id, history=history)

    async def rehash(self, person_id: UUID, old: str, new: str) -> None:
        await self._run(_REHASH, person_id=person_id, old=old, new=new)

    async def delete(self, person_id: UUID) -> None:
        for table in ("former_passwords", "passwords"):
            await self._run(_delete_from(table), person_id=person_id)


class SignInRows(_Rows):
    """`services.identity.application.sign_in.SignInStore` over PostgreSQL."""

    async def add(self, under_way: SignInUnderWay, secret_hash: bytes) -> None:
        await self._run(
            _ADD_SIGN_IN,
            secret_hash=secret_hash,
            person_id=under_way.person_id,
            amr=list(under_way.amr),
            return_to=under_way.return_to,
            expires_at=under_way.expires_at,
        )

    async def prove(self, secret_hash: bytes, amr: Sequence[str]) -> None:
        await self._run(_PROVE, secret_hash=secret_hash, amr=list(amr))

    async def take(self, secret_hash: bytes) -> bool:
        return bool((await self._run(_TAKE, secret_hash=secret_hash)).rowcount)

    async def forget(self, person_id: UUID) -> None:
        for table in ("sign_ins", "known_devices"):
            await self._run(_delete_from(table), person_id=person_id)


class ThrottleRows(_Rows):
    """`services.identity.application.throttling.ThrottleStore` over PostgreSQL."""

    async def counts(self, keys: Collection[bytes]) -> Mapping[bytes, datetime]:
        rows = await self._run(_COUNTS, keys=list(keys))
        return {row.key: row.tat for row in rows}

    async def hold(self, keys: Collection[bytes]) -> Mapping[bytes, datetime]:
        rows = await self._run(_HOLD_COUNTS, keys=list(keys), dawn=_DAWN)
        return {row.key: row.tat for row in rows}

    async def put(self, counts: Mapping[bytes, datetime]) -> None:
        for key, tat in counts.items():
            await self._run(_PUT_COUNT, key=key, tat=tat)

    async def clear(self, key: bytes) -> None:
        await self._run(_CLEAR_COUNT, key=key)


class InvitationRows(_Rows):
    """`services.identity.application.invitations.InvitationStore` over PostgreSQL."""

    async def add(self, invitation: Invitation, token_hash: bytes) -> None:
        await self._run(_VOID_INVITATIONS, person_id=invitation.person_id, now=invitation.issued_at)
        await self._run(
            _ADD_INVITATION,
            id=invitation.id,
            token_hash=token_hash,
            person_id=invitation.person_id,
            removes_factors=invitation.removes_factors,
            authority=list(invitation.authority),
            issued_by=invitation.issued_by,
            issued_at=invitation.issued_at,
            expires_at=invitation.expires_at,
        )

    async def use(self, token_hash: bytes, now: datetime) -> Invitation | None:
        used = await self._run(_USE_INVITATION, token_hash=token_hash, now=now)
        row = used.one_or_none()
        return _invitation(row._mapping) if row else None

    async def delete(self, person_id: UUID) -> None:
        await self._run(_delete_from("invitations"), person_id=person_id)


def _invitation(row: Mapping[str, Any]) -> Invitation:
    return Invitation(**{**row, "authority": tuple(row["authority"])})


def _delete_from(table: str) -> Any:
    return text(f"DELETE FROM {table} WHERE person_id = :person_id")  # noqa: S608 - our own name
