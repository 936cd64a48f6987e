"""Applications in PostgreSQL."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from services.learning.domain.applications import Application, Class, Scope, UsernameTaken
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.reader import Reader

_COLUMNS = "id, username, name, organisation_path::text, scopes, class"
_BY_SECRET = f"""
    SELECT {_COLUMNS} FROM applications
    WHERE username = $1 AND secret_hash = $2 AND revoked_at IS NULL
"""  # noqa: S608 - constants
_ADD = text("""
    INSERT INTO applications
        (username, secret_hash, name, organisation_path, scopes, class, created_at)
    VALUES (:username, :secret_hash, :name, CAST(:path AS ltree), :scopes, :class, :created_at)
    RETURNING id
""")
_STANDING = "username = :username AND secret_hash IS NOT NULL AND revoked_at IS NULL"
_PUT_SECRET = text(
    f"UPDATE applications SET secret_hash = :secret_hash WHERE {_STANDING} RETURNING {_COLUMNS}"  # noqa: S608 - constants
)
_REVOKE = text(
    f"UPDATE applications SET revoked_at = :at WHERE {_STANDING} RETURNING {_COLUMNS}"  # noqa: S608 - constants
)


class ApplicationRepository:
    """`NewUow` opens the transaction of what is added; reading needs none."""

    def __init__(self, reader: Reader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock

    async def by_secret(self, username: str, secret_hash: bytes) -> Application | None:
        """The application that is not revoked, if the hash is of its secret."""
        row = await self._reader.fetchrow(_BY_SECRET, username, secret_hash)
        return None if row is None else _application(row)

    async def by_username(self, username: str) -> Application | None:
        """The application that is not revoked."""
        row = await self._reader.fetchrow(
            f"SELECT {_COLUMNS} FROM applications WHERE username = $1 AND revoked_at IS NULL",  # noqa: S608 - constants
            username,
        )
        return None if row is None else _application(row)

    async def below(self, path: str) -> Sequence[int]:
        """The ids of every application of the organisation at `path` and of those below it."""
        rows = await self._reader.fetch(
            "SELECT id FROM applications WHERE organisation_path <@ $1::text::ltree", path
        )
        return [row[0] for row in rows]

    async def of_client(self, client: str, path: str | None = None) -> Sequence[int]:
        """The ids of every application that the client is at `path`; None: wherever it acts."""
        rows = await self._reader.fetch(
            "SELECT id FROM applications WHERE name = $1 AND secret_hash IS NULL"
            " AND ($2::text IS NULL OR organisation_path = $2::text::ltree)",
            client,
            path,
        )
        return [row[0] for row in rows]

    async def named(self, ids: Sequence[int]) -> Mapping[int, Application]:
        rows = await self._reader.fetch(
            f"SELECT {_COLUMNS} FROM applications WHERE id = ANY($1::int[])",  # noqa: S608 - constants
            list(ids),
        )
        return {row["id"]: _application(row) for row in rows}

    async def add(
        self, uow: UnitOfWork, application: Application, secret_hash: bytes | None
    ) -> int:
        """Note it under a new id. Raises `UsernameTaken`."""
        try:
            added = await uow.connection.execute(
                _ADD,
                {
                    "username": application.username,
                    "secret_hash": secret_hash,
                    "name": application.name,
                    "path": application.path,
                    "scopes": sorted(application.scopes),
                    "class": application.kind,
                    "created_at": self._clock(),
                },
            )
        except IntegrityError as error:
            raise UsernameTaken(
                f"There is an application {application.username}: choose another name.",
                zh=f"应用名 {application.username} 已存在，请更换。",
            ) from error
        number: int = added.scalar_one()
        return number

    async def put_secret(
        self, uow: UnitOfWork, username: str, secret_hash: bytes
    ) -> Application | None:
        """In place of the old one. None where no application that is not revoked signs in under
        that name."""
        asked = {"username": username, "secret_hash": secret_hash}
        row = (await uow.connection.execute(_PUT_SECRET, asked)).mappings().one_or_none()
        return None if row is None else _application(row)

    async def revoke(self, uow: UnitOfWork, username: str) -> Application | None:
        """Likewise."""
        asked = {"username": username, "at": self._clock()}
        row = (await uow.connection.execute(_REVOKE, asked)).mappings().one_or_none()
        return None if row is None else _application(row)

    async def is_organisation(self, path: str) -> bool:
        """Whether identity told of an open organisation there."""
        row = await self._reader.fetchrow(
            "SELECT FROM organisations WHERE path = $1::text::ltree AND state = 'OPEN'", path
        )
        return row is not None


def _application(row: Any) -> Application:
    return Application(
        id=row["id"],
        username=row["username"],
        name=row["name"],
        path=row["organisation_path"],
        scopes=frozenset(map(Scope, row["scopes"])),
        kind=Class(row["class"]),
    )
