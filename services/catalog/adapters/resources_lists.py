"""Pages of resources, by plain asyncpg: one prepared statement each."""

from collections.abc import Sequence
from uuid import UUID

from services.catalog.application.resources_lists import Filters, Row, Scope
from shared.reader import Reader

_COLUMNS = (
    "r.id, r.code, r.state, r.live_version, r.updated_at, {of}.title, {of}.stage, {of}.subject,"
    " {of}.grades, {of}.edition, {of}.types, {of}.licence"
)
_DRAFTS = f"SELECT {_COLUMNS.format(of='r')} FROM resources r"  # noqa: S608 - constant columns
_LIVE = (
    f"SELECT {_COLUMNS.format(of='v')} FROM resources r"  # noqa: S608 - constant columns
    " JOIN resource_versions v ON v.resource_id = r.id AND v.number = r.live_version"
)
_PATH_OF = "SELECT ltree2text(path) FROM organisations WHERE label = $1 AND state = 'OPEN'"


class ResourceReads:
    """The `ResourceLists` of the use cases."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def path_of(self, label: str) -> str | None:
        row = await self._reader.fetchrow(_PATH_OF, label)
        return None if row is None else row[0]

    async def page(
        self, scope: Scope, filters: Filters, limit: int, before: UUID | None
    ) -> Sequence[Row]:
        drafts = scope.owner is not None or scope.path is not None
        of = "r" if drafts else "v"
        asked = {
            "r.owner = {}": scope.owner,
            "r.organisation_path <@ text2ltree({})": scope.path,
            f"{of}.stage = {{}}": filters.stage,
            f"{of}.subject = {{}}": filters.subject,
            f"{{}} = ANY({of}.grades)": filters.grade,
            f"{{}} = ANY({of}.types)": filters.type,
            "r.state = {}": filters.state,
            "r.id < {}": before,
        }
        given = {condition: value for condition, value in asked.items() if value is not None}
        conditions = [each.format(f"${place}") for place, each in enumerate(given, 1)]
        if not drafts:
            conditions.append("r.live_version IS NOT NULL")
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        select, last = _DRAFTS if drafts else _LIVE, len(given) + 1
        query = f"{select}{where} ORDER BY r.id DESC LIMIT ${last}"
        rows: Sequence[Row] = await self._reader.fetch(query, *given.values(), limit)
        return rows
