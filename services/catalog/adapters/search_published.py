"""What search reads of PostgreSQL, by plain asyncpg: one prepared statement each."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from services.catalog.application.search_ports import (
    GradeNames,
    Likeness,
    Names,
    Published,
    Row,
    Shown,
)
from services.catalog.domain.changes import Place
from services.catalog.domain.search import Chosen, Document, Facet, regions_of
from services.catalog.search.recent import Recent
from shared.reader import Reader

_HORIZON = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text"
_NAMES = (
    "SELECT dictionary, code, name_zh, name_en, aliases FROM terms WHERE until IS NULL"
    " AND dictionary = ANY($1::text[])"
)
_AFTER = (
    "SELECT id FROM resources WHERE live_version IS NOT NULL AND ($1::uuid IS NULL OR id > $1)"
    " ORDER BY id LIMIT $2"
)
_LIVE = "JOIN resource_versions v ON v.resource_id = r.id AND v.number = r.live_version"
_FACETS = "v.title, v.stage, v.subject, v.grades, v.edition, v.types, v.licence"
_READ = (
    f"SELECT r.id, r.live_version, v.metadata, v.created_at, {_FACETS},"  # noqa: S608 - constant columns
    " ltree2text(r.organisation_path) AS path,"
    " (SELECT t.title FROM textbooks t WHERE t.id = (v.metadata ->> 'textbook_id')::uuid)"
    " AS textbook,"
    " ARRAY(SELECT c.title FROM chapters c WHERE c.textbook = (v.metadata ->> 'textbook_id')::uuid"
    " AND v.metadata -> 'chapters' ? c.code ORDER BY c.position) AS chapters,"
    " ARRAY(SELECT k.name_zh FROM knowledge_points k WHERE k.subject = v.subject"
    " AND v.metadata -> 'knowledge_points' ? k.code ORDER BY k.position) AS points,"
    # A digest is a claim until the upload is available: no text is reached by it before.
    " ARRAY(SELECT f.text_key FROM resource_version_files d JOIN uploads u ON u.id = d.upload_id"
    " AND u.state = 'AVAILABLE' JOIN files f ON f.sha256 = u.sha256 AND f.sha256 = d.sha256"
    " AND f.state = 'CLEAN' AND f.text_key IS NOT NULL"
    " WHERE d.resource_id = r.id AND d.number = v.number ORDER BY d.position) AS text_keys"
    f" FROM resources r {_LIVE} WHERE r.id = ANY($1::uuid[])"
)
# With it the newest place of the feed, which takes no plan of its own for each index's place.
_LIVE_NOW = (
    "SELECT (SELECT json_agg(json_build_array(r.id, r.live_version, r.state, r.updated_at))"
    " FROM resources r WHERE r.id = ANY($1::uuid[]) AND r.live_version IS NOT NULL),"
    " (SELECT ARRAY[c.transaction::text, c.position::text] FROM changes c"
    " ORDER BY c.transaction DESC, c.position DESC LIMIT 1)"
)
# As JSON, which is what becomes of it: a page so costs half of what its values one by one would.
_SHOWN = (
    f"SELECT json_agg(page) FROM (SELECT r.id, r.code, {_FACETS}, r.state, r.live_version,"  # noqa: S608 - constant columns
    f" r.updated_at FROM resources r {_LIVE} WHERE r.id = ANY($1::uuid[])) AS page"
)
_MOST_KEPT = 2_000
"""Rows of versions, which never change: about 1 kB each."""
# Of changes that commits overtook too, which no index has been told yet.
_TAKEN = (
    "SELECT DISTINCT resource_id::text AS id FROM changes WHERE version IS NULL"
    " AND (transaction, position) > ($1::text::xid8, $2::bigint)"
)
_GRADE_NAMES = (
    "SELECT label, NULL AS code, ARRAY[name] AS names FROM organisations"
    " WHERE label = ANY($1::text[]) AND state = 'OPEN' UNION ALL"
    " SELECT NULL, code, array_remove(ARRAY[name_zh, name_en], NULL) || aliases FROM terms"
    " WHERE dictionary = 'grade' AND until IS NULL"
)
_LIKENESS = (
    f"SELECT {_FACETS}, ltree2text(r.organisation_path) AS path, v.metadata -> 'keywords' AS"  # noqa: S608 - constant columns
    f" keywords FROM resources r {_LIVE} WHERE r.id = $1"
)
_DICTIONARIES = ("stage", "subject", "grade", "edition", "volume", "resource_type")


class PublishedReads:
    """The `PublishedResources` and the `SearchReads` of the use cases."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._kept = Recent[tuple[str, int], Row](_MOST_KEPT)

    async def horizon(self) -> Place:
        [row] = await self._reader.fetch(_HORIZON)
        return Place(int(row[0]), 0)

    async def names(self) -> Names:
        rows = await self._reader.fetch(_NAMES, list(_DICTIONARIES))
        return {
            (row["dictionary"], row["code"]): tuple(
                each for each in (row["name_zh"], row["name_en"], *row["aliases"]) if each
            )
            for row in rows
        }

    async def after(self, last: UUID | None, limit: int) -> Sequence[UUID]:
        rows = await self._reader.fetch(_AFTER, last, limit)
        return [_plain(row["id"]) for row in rows]

    async def read(self, ids: Sequence[UUID], names: Names) -> Sequence[Published]:
        return [_published(row, names) for row in await self._reader.fetch(_READ, list(ids))]

    async def live(self, ids: Sequence[str], place: Place) -> Shown:
        [[live, newest]] = await self._reader.fetch(_LIVE_NOW, ids)
        rows, unknown, taken = dict[str, Row](), list[str](), frozenset[str]()
        for resource_id, version, state, updated_at in live or ():
            kept = self._kept.get((resource_id, version))
            if kept is None:
                unknown.append(resource_id)
            else:
                rows[resource_id] = {**kept, "state": state, "updated_at": updated_at}
        if unknown:
            [[shown]] = await self._reader.fetch(_SHOWN, unknown)
            for row in shown or ():
                rows[row["id"]] = row
                self._kept.put((row["id"], row["live_version"]), row)
        if newest is not None and place < Place(*map(int, newest)):
            found = await self._reader.fetch(_TAKEN, str(place.transaction), place.position)
            taken = frozenset(row["id"] for row in found)
        return Shown(rows, taken)

    async def grade_names(self, labels: Sequence[str]) -> GradeNames:
        rows = await self._reader.fetch(_GRADE_NAMES, labels)
        return GradeNames(
            {row["label"]: row["names"][0] for row in rows if row["label"]},
            {row["code"]: tuple(row["names"]) for row in rows if row["code"]},
        )

    async def likeness(self, resource_id: UUID) -> Likeness | None:
        row = await self._reader.fetchrow(_LIKENESS, resource_id)
        if row is None:
            return None
        return Likeness(row["title"], tuple(row["keywords"] or ()), _facets(row))


def _plain(found: Any) -> UUID:
    return UUID(bytes=found.bytes)


def _published(row: Any, names: Names) -> Published:
    told = row["metadata"]
    document = Document(
        id=_plain(row["id"]),
        version=row["live_version"],
        title=row["title"],
        names=tuple(dict.fromkeys(_names(row, names))),
        keywords=(
            *told.get("alternative_titles", ()),
            *told.get("keywords", ()),
            *(each["name"] for each in told.get("contributors", ())),
        ),
        description=told.get("description", ""),
        text="",
        facets=_facets(row),
        published_at=row["created_at"],
    )
    return Published(document, tuple(row["text_keys"]))


def _names(row: Any, names: Names) -> Iterator[str]:
    told = row["metadata"]
    codes = [
        ("stage", row["stage"]),
        *(("grade", each) for each in row["grades"]),
        ("subject", row["subject"]),
        ("edition", row["edition"]),
        ("volume", told.get("volume")),
        *(("resource_type", each) for each in row["types"]),
    ]
    for dictionary, code in codes:
        if code is not None:
            yield from names.get((dictionary, code), ())
    if row["textbook"]:
        yield row["textbook"]
    yield from row["chapters"]
    yield from row["points"]


def _facets(row: Any) -> Chosen:
    values = {
        Facet.STAGE: (row["stage"],),
        Facet.SUBJECT: (row["subject"],),
        Facet.GRADE: row["grades"],
        Facet.EDITION: (row["edition"],),
        Facet.TYPE: row["types"],
        Facet.LICENCE: (row["licence"],),
        Facet.REGION: regions_of(row["path"]),
    }
    return {
        facet: found
        for facet, several in values.items()
        if (found := tuple(each for each in several if each))
    }
