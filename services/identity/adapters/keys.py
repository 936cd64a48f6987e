import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.domain.keys import KeyState, Ring, SigningKey

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('signing-keys', 0))")
_ALL = text(
    "SELECT kid, ring, state, public_key, private_key, created_at, entered_at"
    " FROM signing_keys ORDER BY created_at, kid"
)
_ADD = text(
    "INSERT INTO signing_keys (kid, ring, state, public_key, private_key, created_at, entered_at)"
    " VALUES (:kid, :ring, :state, CAST(:public AS jsonb), :private, :created_at, :entered_at)"
)
_MOVE = text(
    "UPDATE signing_keys SET state = :state, entered_at = :entered_at,"
    " private_key = CASE WHEN :gone THEN NULL ELSE private_key END WHERE kid = :kid"
)


class SigningKeyRows:
    """`services.identity.application.keys.KeyStore` over PostgreSQL."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock(self) -> None:
        await self._connection.execute(_LOCK)

    async def all(self) -> list[tuple[SigningKey, bytes | None]]:
        return [
            (
                SigningKey(
                    kid=row.kid,
                    ring=Ring(row.ring),
                    state=KeyState(row.state),
                    public=row.public_key,
                    created_at=row.created_at,
                    entered_at=row.entered_at,
                ),
                row.private_key,
            )
            for row in await self._connection.execute(_ALL)
        ]

    async def add(self, key: SigningKey, private: bytes) -> None:
        row = {
            "kid": key.kid,
            "ring": key.ring,
            "state": key.state,
            "public": orjson.dumps(dict(key.public)).decode(),
            "private": private,
            "created_at": key.created_at,
            "entered_at": key.entered_at,
        }
        await self._connection.execute(_ADD, row)

    async def move(self, key: SigningKey) -> None:
        row = {
            "kid": key.kid,
            "state": key.state,
            "entered_at": key.entered_at,
            "gone": key.state is KeyState.GONE,
        }
        await self._connection.execute(_MOVE, row)
