"""Dictionaries in PostgreSQL.

A row of ``terms`` holds one term as it stands from the version ``since`` until before ``until``:
the terms of any version are those whose rows hold it, the present ones have no ``until``.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.vocabularies import Revision, Summary
from services.catalog.domain.vocabularies import Dictionary, Lexicon, State, Term

_DICTIONARY = (
    "d.code AS dictionary, d.title_zh, d.title_en, d.hierarchical, d.version, d.updated_at"
)
_TERM = (
    "t.code, t.parent, t.name_zh, t.name_en, t.aliases, t.crosswalk, t.position, t.state, t.since"
)
_PAGE = text(
    f"SELECT {_DICTIONARY}, (SELECT count(*) FROM terms t WHERE t.dictionary = d.code"  # noqa: S608 - constant columns
    " AND t.until IS NULL AND t.state = 'ACTIVE') AS terms FROM dictionaries d"
    " WHERE d.code > :after ORDER BY d.code LIMIT :limit"
)
_VERSIONS = text("SELECT code, version FROM dictionaries WHERE code = ANY(:codes)")
_CURRENT = text(
    f"SELECT {_DICTIONARY}, {_TERM}, h.former FROM dictionaries d"  # noqa: S608 - constant columns
    " LEFT JOIN terms t ON t.dictionary = d.code AND t.until IS NULL"
    " LEFT JOIN (SELECT dictionary, code, array_agg(DISTINCT name_zh) AS former FROM terms"
    " WHERE until IS NOT NULL AND dictionary = ANY(:codes) GROUP BY dictionary, code) h"
    " ON h.dictionary = t.dictionary AND h.code = t.code"
    " WHERE d.code = ANY(:codes) ORDER BY d.code, t.position, t.code"
)
_AT = text(
    "SELECT d.code AS dictionary, d.title_zh, d.title_en, d.hierarchical, v.version,"  # noqa: S608 - constant columns
    f" v.at AS updated_at, {_TERM}, NULL AS former FROM dictionaries d"
    " JOIN dictionary_versions v ON v.dictionary = d.code AND v.version = :version"
    " LEFT JOIN terms t ON t.dictionary = d.code AND t.since <= v.version"
    " AND (t.until IS NULL OR t.until > v.version)"
    " WHERE d.code = :code ORDER BY t.position, t.code"
)
_LOCK = text(
    "SELECT code FROM dictionaries WHERE code = ANY(:codes) ORDER BY code FOR NO KEY UPDATE"
)
_CODES = text("SELECT code FROM dictionaries")
_CLOSE = text(
    "UPDATE terms SET until = :version WHERE dictionary = :dictionary AND until IS NULL"
    " AND code = ANY(:codes)"
)
_ADD = text(
    "INSERT INTO terms (dictionary, code, since, parent, name_zh, name_en, aliases, crosswalk,"
    " position, state) SELECT :dictionary, r.code, :version, r.parent, r.name_zh, r.name_en,"
    " ARRAY(SELECT jsonb_array_elements_text(r.aliases)), r.crosswalk, r.position, r.state"
    " FROM jsonb_to_recordset(CAST(:terms AS jsonb)) AS r (code text, parent text, name_zh text,"
    " name_en text, aliases jsonb, crosswalk jsonb, position int, state text)"
)
_BUMP = text(
    "UPDATE dictionaries SET version = :version, updated_at = :at WHERE code = :dictionary"
)
_REMEMBER = text(
    "INSERT INTO dictionary_versions (dictionary, version, at, actor, added, changed)"
    " VALUES (:dictionary, :version, :at, :actor, :added, :changed)"
)
_HISTORY = text(
    "SELECT version, at, actor, added, changed FROM dictionary_versions"
    " WHERE dictionary = :dictionary AND (CAST(:before AS int) IS NULL OR version < :before)"
    " ORDER BY version DESC LIMIT :limit"
)


class DictionaryRepository:
    """The `DictionaryStore` of the use cases."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def page(self, limit: int, after: str) -> Sequence[Summary]:
        rows = await self._connection.execute(_PAGE, {"limit": limit, "after": after})
        return [Summary(_dictionary(row), row.terms) for row in rows]

    async def codes(self) -> Collection[str]:
        return list(await self._connection.scalars(_CODES))

    async def versions(self, codes: Collection[str]) -> Mapping[str, int]:
        rows = await self._connection.execute(_VERSIONS, {"codes": list(codes)})
        return {row.code: row.version for row in rows}

    async def current(self, codes: Collection[str]) -> Mapping[str, Lexicon]:
        rows = await self._connection.execute(_CURRENT, {"codes": list(codes)})
        return _lexicons(rows.all())

    async def at(self, code: str, version: int) -> Lexicon | None:
        rows = await self._connection.execute(_AT, {"code": code, "version": version})
        return _lexicons(rows.all()).get(code)

    async def lock(self, codes: Collection[str]) -> None:
        await self._connection.execute(_LOCK, {"codes": list(codes)})

    async def revise(self, dictionary: str, revision: Revision, written: Sequence[Term]) -> None:
        place = {"dictionary": dictionary, "version": revision.version}
        terms = orjson.dumps([_record(term) for term in written]).decode()
        if revision.changed:
            await self._connection.execute(_CLOSE, {**place, "codes": list(revision.changed)})
        await self._connection.execute(_ADD, {**place, "terms": terms})
        await self._connection.execute(_BUMP, {**place, "at": revision.at})
        remembered = {
            "at": revision.at,
            "actor": revision.actor,
            "added": list(revision.added),
            "changed": list(revision.changed),
        }
        await self._connection.execute(_REMEMBER, {**place, **remembered})

    async def history(self, dictionary: str, limit: int, before: int | None) -> Sequence[Revision]:
        place = {"dictionary": dictionary, "limit": limit, "before": before}
        rows = await self._connection.execute(_HISTORY, place)
        return [
            Revision(row.version, row.at, row.actor, tuple(row.added), tuple(row.changed))
            for row in rows
        ]


def _record(term: Term) -> dict[str, Any]:
    return {
        "code": term.code,
        "parent": term.parent,
        "name_zh": term.name_zh,
        "name_en": term.name_en,
        "aliases": term.aliases,
        "crosswalk": dict(term.crosswalk),
        "position": term.position,
        "state": term.state,
    }


def _dictionary(row: Row[*tuple[Any, ...]]) -> Dictionary:
    updated_at: datetime = row.updated_at
    return Dictionary(
        code=row.dictionary,
        title_zh=row.title_zh,
        title_en=row.title_en,
        hierarchical=row.hierarchical,
        version=row.version,
        updated_at=updated_at,
    )


def _lexicons(rows: Sequence[Row[*tuple[Any, ...]]]) -> dict[str, Lexicon]:
    by_dictionary: dict[str, tuple[Dictionary, list[Term]]] = {}
    for row in rows:
        _, terms = by_dictionary.setdefault(row.dictionary, (_dictionary(row), []))
        if row.code is not None:
            terms.append(_term(row))
    return {code: Lexicon(*found) for code, found in by_dictionary.items()}


def _term(row: Row[*tuple[Any, ...]]) -> Term:
    return Term(
        code=row.code,
        name_zh=row.name_zh,
        name_en=row.name_en,
        parent=row.parent,
        aliases=tuple(row.aliases),
        crosswalk=row.crosswalk,
        position=row.position,
        state=State(row.state),
        since=row.since,
        former=tuple(each for each in row.former or () if each != row.name_zh),
    )
