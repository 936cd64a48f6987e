from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.application.passkeys import Passkey
from services.identity.application.second_factors import Authenticator

_AUTHENTICATOR = text(
    "SELECT person_id, secret, created_at, confirmed_at, last_step FROM authenticators"
    " WHERE person_id = :person_id FOR UPDATE"
)
_PUT_AUTHENTICATOR = text(
    "INSERT INTO authenticators (person_id, secret, created_at)"
    " VALUES (:person_id, :secret, :created_at)"
    " ON CONFLICT (person_id) DO UPDATE SET secret = excluded.secret,"
    " created_at = excluded.created_at WHERE authenticators.confirmed_at IS NULL"
)
_CONFIRM = text(
    "UPDATE authenticators SET confirmed_at = :now, last_step = :step WHERE person_id = :person_id"
)
_USE_STEP = text(
    "UPDATE authenticators SET last_step = :step"
    " WHERE person_id = :person_id AND (last_step IS NULL OR last_step < :step)"
)
_REMOVE_AUTHENTICATOR = text(
    "DELETE FROM authenticators WHERE person_id = :person_id AND confirmed_at IS NOT NULL"
)
_DELETE_CODES = text("DELETE FROM recovery_codes WHERE person_id = :person_id")
_ADD_CODE = text(
    "INSERT INTO recovery_codes (person_id, code_hash, created_at)"
    " VALUES (:person_id, :code_hash, :now)"
)
_USE_CODE = text(
    "DELETE FROM recovery_codes WHERE person_id = :person_id AND code_hash = ANY(:hashes)"
)
_COUNT_CODES = text("SELECT count(*) FROM recovery_codes WHERE person_id = :person_id")
_DELETE_AUTHENTICATOR = text("DELETE FROM authenticators WHERE person_id = :person_id")
_DELETE_PASSKEYS = text("DELETE FROM passkeys WHERE person_id = :person_id")

_ADD_CHALLENGE = text(
    "INSERT INTO passkey_challenges (challenge, bound_to, expires_at)"
    " VALUES (:challenge, :bound_to, :until)"
)
_TAKE_CHALLENGE = text(
    "DELETE FROM passkey_challenges WHERE challenge = :challenge AND bound_to = :bound_to"
    " AND expires_at > :now"
)
_ADD_PASSKEY = text(
    "INSERT INTO passkeys"
    " (id, person_id, credential_id, public_key, sign_count, synced, name, created_at)"
    " VALUES (:id, :person_id, :credential_id, :public_key, :sign_count, :synced, :name,"
    " :created_at) ON CONFLICT (credential_id) DO NOTHING"
)
_BY_CREDENTIAL = text(
    "SELECT id, person_id, credential_id, public_key, sign_count, synced, name, created_at"
    " FROM passkeys WHERE credential_id = :credential_id FOR UPDATE"
)
_USED = text("UPDATE passkeys SET sign_count = :sign_count, used_at = :now WHERE id = :id")
_REMOVE_PASSKEY = text("DELETE FROM passkeys WHERE id = :id AND person_id = :person_id")
_CREDENTIAL_IDS = text("SELECT credential_id FROM passkeys WHERE person_id = :person_id")


class FactorRows:
    """`services.identity.application.second_factors.FactorStore` over PostgreSQL."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def authenticator(self, person_id: UUID) -> Authenticator | None:
        rows = await self._connection.execute(_AUTHENTICATOR, {"person_id": person_id})
        row = rows.one_or_none()
        return Authenticator(*row) if row else None

    async def put_authenticator(self, authenticator: Authenticator) -> None:
        row = {
            "person_id": authenticator.person_id,
            "secret": authenticator.secret,
            "created_at": authenticator.created_at,
        }
        await self._connection.execute(_PUT_AUTHENTICATOR, row)

    async def confirm(self, person_id: UUID, step: int, now: datetime) -> None:
        row = {"person_id": person_id, "step": step, "now": now}
        await self._connection.execute(_CONFIRM, row)

    async def use_step(self, person_id: UUID, step: int) -> bool:
        row = {"person_id": person_id, "step": step}
        return bool((await self._connection.execute(_USE_STEP, row)).rowcount)

    async def remove_authenticator(self, person_id: UUID) -> bool:
        removed = await self._connection.execute(_REMOVE_AUTHENTICATOR, {"person_id": person_id})
        return bool(removed.rowcount)

    async def replace_recovery_codes(
        self, person_id: UUID, hashes: Collection[bytes], now: datetime
    ) -> None:
        await self._connection.execute(_DELETE_CODES, {"person_id": person_id})
        rows = [{"person_id": person_id, "code_hash": each, "now": now} for each in hashes]
        await self._connection.execute(_ADD_CODE, rows)

    async def use_recovery_code(self, person_id: UUID, hashes: Collection[bytes]) -> bool:
        row = {"person_id": person_id, "hashes": list(hashes)}
        return bool((await self._connection.execute(_USE_CODE, row)).rowcount)

    async def recovery_codes(self, person_id: UUID) -> int:
        count = await self._connection.execute(_COUNT_CODES, {"person_id": person_id})
        return int(count.scalar_one())

    async def delete(self, person_id: UUID) -> None:
        for statement in (_DELETE_AUTHENTICATOR, _DELETE_CODES, _DELETE_PASSKEYS):
            await self._connection.execute(statement, {"person_id": person_id})


class PasskeyRows:
    """`services.identity.application.passkeys.PasskeyStore` over PostgreSQL."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add_challenge(self, challenge: bytes, bound_to: bytes, until: datetime) -> None:
        row = {"challenge": challenge, "bound_to": bound_to, "until": until}
        await self._connection.execute(_ADD_CHALLENGE, row)

    async def take_challenge(self, challenge: bytes, bound_to: bytes, now: datetime) -> bool:
        row = {"challenge": challenge, "bound_to": bound_to, "now": now}
        return bool((await self._connection.execute(_TAKE_CHALLENGE, row)).rowcount)

    async def add(self, passkey: Passkey) -> bool:
        row = {name: getattr(passkey, name) for name in Passkey.__dataclass_fields__}
        return bool((await self._connection.execute(_ADD_PASSKEY, row)).rowcount)

    async def by_credential(self, credential_id: bytes) -> Passkey | None:
        rows = await self._connection.execute(_BY_CREDENTIAL, {"credential_id": credential_id})
        row = rows.one_or_none()
        return Passkey(*row) if row else None

    async def used(self, passkey_id: UUID, sign_count: int, now: datetime) -> None:
        row = {"id": passkey_id, "sign_count": sign_count, "now": now}
        await self._connection.execute(_USED, row)

    async def remove(self, person_id: UUID, passkey_id: UUID) -> bool:
        row = {"id": passkey_id, "person_id": person_id}
        return bool((await self._connection.execute(_REMOVE_PASSKEY, row)).rowcount)

    async def credential_ids(self, person_id: UUID) -> Sequence[bytes]:
        found = await self._connection.execute(_CREDENTIAL_IDS, {"person_id": person_id})
        return found.scalars().all()
