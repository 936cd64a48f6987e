"""What the tests of search share: resources as publication leaves them, told in the feed."""

import asyncio
import hashlib
import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import httpx2

from services.catalog.application.search_following import Follower
from services.catalog.domain.changes import BEGINNING, Place
from services.catalog.domain.notices import Tombstone
from services.catalog.domain.resources import Facets
from shared.errors import NotFound
from shared.ids import uuid7
from shared.storage import ObjectStore

SEARCH = "/catalog/v1/search"
SCHOOL = "P0.C1.X1.S1"
_PATIENCE = 30.0
_TELL = "INSERT INTO changes (at, kind, resource_id, code, version) VALUES (now(), $2, $1, $3, $4)"


async def tombstone(resource_id: UUID) -> Tombstone:
    """Of a shelf from which nothing was taken down."""
    raise NotFound("It is not taken down.", zh="该资源没有下架或出库。")


@dataclass
class Shelf:
    """Published resources, and what is found of them."""

    client: httpx2.AsyncClient
    owner: asyncpg.Connection
    objects: ObjectStore

    async def put(
        self,
        title: str,
        *,
        path: str | None = SCHOOL,
        live: bool = True,
        text: str | None = None,
        **metadata: Any,
    ) -> UUID:
        """A resource with one version, live or not, whose only file says `text`."""
        resource_id = uuid7()
        code = f"R-{resource_id.hex[-12:]}"
        told = {"title": title, "grades": ["G3"], "resource_types": ["coursewares"], **metadata}
        await self.owner.execute(
            "INSERT INTO resources (id, code, owner, organisation_path, state, live_version,"
            " latest_version, draft, title, grades, types, version, created_at, updated_at)"
            " VALUES ($1, $2, 'a', text2ltree($3::text), 'PUBLISHED', $4, 1, '{}', '', '{}', '{}',"
            " 1, now(), now())",
            *(resource_id, code, path, 1 if live else None),
        )
        await self.version(resource_id, 1, **told)
        if text is not None:
            await self._say(resource_id, text)
        if live:
            await self.tell(resource_id, "published")
        return resource_id

    async def version(self, resource_id: UUID, number: int, **metadata: Any) -> None:
        facets = Facets.of(metadata)
        await self.owner.execute(
            "INSERT INTO resource_versions (resource_id, number, metadata, title, stage, subject,"
            " grades, edition, types, licence, digest, created_at, created_by, note)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '', now(), 'a', '')",
            *(resource_id, number, json.dumps(metadata), facets.title, facets.stage),
            *(facets.subject, list(facets.grades), facets.edition, list(facets.types)),
            facets.licence,
        )

    async def tell(self, resource_id: UUID, kind: str) -> None:
        """Put what stands in `resources` now into the feed."""
        row = await self.owner.fetchrow(
            "SELECT code, live_version FROM resources WHERE id = $1", resource_id
        )
        await self.owner.execute(_TELL, resource_id, kind, row["code"], row["live_version"])

    async def settle(self, follower: Follower) -> None:
        """Let the index follow the feed to its end, for which every transaction of the cluster
        that is under way has to end first."""
        row = await self.owner.fetchrow(
            "SELECT transaction::text::bigint AS transaction, position FROM changes"
            " ORDER BY changes.transaction DESC, position DESC LIMIT 1"
        )
        end = Place(row["transaction"], row["position"]) if row else BEGINNING
        async with asyncio.timeout(_PATIENCE):
            while (place := await follower.turn()) is None or place < end:  # noqa: ASYNC110 - of others
                await asyncio.sleep(0.05)

    async def live(self, resource_id: UUID, number: int | None) -> None:
        """Let everybody read that version, or none, without telling the feed."""
        await self.owner.execute(
            "UPDATE resources SET live_version = $2 WHERE id = $1", resource_id, number
        )

    async def retire(self, resource_id: UUID) -> None:
        """As `live` does with None, and tell everybody why."""
        await self.owner.execute(
            "UPDATE resources SET live_version = NULL, state = 'RETIRED' WHERE id = $1", resource_id
        )
        await self.owner.execute(
            "INSERT INTO notices (id, resource_id, action, reason_code, notice, version, at, actor)"
            " VALUES ($1, $2, 'retire', 'outdated', '教材已换版。', 1, now(), 'a')",
            *(uuid7(), resource_id),
        )

    async def _say(self, resource_id: UUID, text: str) -> None:
        digest, upload = hashlib.sha256(text.encode()).digest(), uuid7()
        key = f"derived/{digest.hex()[:2]}/{digest.hex()}/text-1"
        await self.objects.put(key, text.encode(), "text/plain")
        await self.owner.execute(
            "INSERT INTO uploads (id, owner, filename, media_type, size, sha256, method, state,"
            " object_key, part_size, created_at, expires_at, version) VALUES ($1, 'a', 'a.pdf',"
            " 'application/pdf', 1, $2, 'single', 'AVAILABLE', 'k', 1, now(), now(), 1)",
            *(upload, digest),
        )
        await self.owner.execute(
            "INSERT INTO files (sha256, size, object_key, state, text_key, created_at)"
            " VALUES ($1, 1, 'k', 'CLEAN', $2, now()) ON CONFLICT DO NOTHING",
            *(digest, key),
        )
        await self.owner.execute(
            "INSERT INTO resource_version_files (resource_id, number, position, upload_id, sha256,"
            " role, filename, media_type, size)"
            " VALUES ($1, 1, 0, $2, $3, 'main', 'a.pdf', 'application/pdf', 1)",
            *(resource_id, upload, digest),
        )

    async def ask(
        self, q: str = "", headers: dict[str, str] | None = None, **parameters: Any
    ) -> dict[str, Any]:
        answer = await self.client.get(SEARCH, params={"q": q, **parameters}, headers=headers or {})
        assert answer.status_code == 200, answer.text
        page: dict[str, Any] = answer.json()
        return page

    async def titles(self, q: str = "", **parameters: Any) -> list[str]:
        return [each["title"] for each in (await self.ask(q, **parameters))["items"]]
