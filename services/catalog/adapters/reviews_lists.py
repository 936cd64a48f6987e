"""The queue of a reviewer and lists of reviews, by plain asyncpg: one prepared statement a page."""

from collections.abc import Sequence

from services.catalog.adapters.reviews_routing import conflict_counts, group_counts
from services.catalog.application.reviews_views import Position, Row, Scope, Wanted
from shared.reader import Reader

_SELECT = (
    "SELECT c.id, c.code, c.resource_id, c.title, c.stage, c.subject, c.importance, c.state,"
    " c.round, c.number, encode(c.digest, 'hex') AS digest, c.level_kind AS level,"
    " ltree2text(c.level_path) AS level_path, ltree2text(c.organisation_path) AS organisation,"
    " c.assignee, c.escalated, c.due_at, c.submitted_at, c.version"
    " FROM review_cases c"
)
_PATH_OF = "SELECT ltree2text(path) FROM organisations WHERE label = $1 AND state = 'OPEN'"
_MINE = (
    "EXISTS (SELECT FROM review_claims l WHERE l.case_id = c.id AND l.reviewer = {}"
    " AND l.lease_until > now())"
)
# Where the caller may judge; escalated cases come from below too.
_JUDGED_AT = (
    "(c.level_path = ANY({0}::text[]::ltree[])"
    " OR (c.escalated AND c.level_path <@ {0}::text[]::ltree[]))"
)
_OF_THE_SUBJECT = "(c.subject = {1} OR c.level_kind = 'COMMITTEE')"
# The caller's conflicts are few, and read once.
_OWN = "WITH own AS MATERIALIZED (SELECT * FROM review_conflicts WHERE reviewer = ANY({}::text[])) "
_MAY_BE_JUDGED = (
    "NOT c.makers && {0}::text[] AND (c.group_id IS NULL OR c.escalated OR NOT EXISTS (SELECT FROM"  # noqa: S608 - constant fragments
    " review_groups g WHERE g.id = c.group_id AND NOT g.members && {0}::text[]"
    f" AND {group_counts('c.makers', 'c.resource_id')})) AND NOT EXISTS (SELECT FROM own f"
    f" WHERE {conflict_counts('c.makers', 'c.level_path', 'c.resource_id')})"
)
_HAS_A_SEAT = (
    "NOT EXISTS (SELECT FROM review_verdicts v WHERE v.case_id = c.id AND v.round = c.round"
    " AND v.reviewer = ANY({0}::text[]))"
    " AND (SELECT count(*) FROM review_claims l WHERE l.case_id = c.id AND l.reviewer <> {1}"
    " AND l.lease_until > now()) + (SELECT count(*) FROM review_verdicts v WHERE v.case_id = c.id"
    " AND v.round = c.round AND v.level = c.level)"
    " < COALESCE(CAST(c.chain -> c.level ->> 'seats' AS integer), 1)"
)


class ReviewReads:
    """The `ReviewLists` of the use cases."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def path_of(self, label: str) -> str | None:
        row = await self._reader.fetchrow(_PATH_OF, label)
        return None if row is None else row[0]

    async def page(
        self, scope: Scope, wanted: Wanted, limit: int, after: Position | None
    ) -> Sequence[Row]:
        given = list[object]()
        conditions = list[str]()
        own = ""

        def ask(condition: str, *values: object) -> None:
            conditions.append(placed(condition, *values))

        def placed(condition: str, *values: object) -> str:
            places = [f"${len(given) + offset}" for offset in range(1, len(values) + 1)]
            given.extend(values)
            return condition.format(*places)

        if wanted.state == "IN_REVIEW":
            conditions.append("c.state = 'IN_REVIEW'")
        elif wanted.state is not None:
            ask("c.state = {}", wanted.state)
        if scope.owner is not None:
            ask("c.owner = {}", scope.owner)
        if scope.path is not None:
            ask("c.organisation_path <@ text2ltree({})", scope.path)
        if scope.grants is not None:
            of = dict[str | None, list[str]]()
            for path, subject in scope.grants:
                of.setdefault(subject, []).append(path)
            either = [
                placed(_JUDGED_AT, paths)
                if subject is None
                else placed(f"({_JUDGED_AT} AND {_OF_THE_SUBJECT})", paths, subject)
                for subject, paths in of.items()
            ]
            conditions.append(f"({' OR '.join(either)})")
            people = sorted(scope.people)
            ask(_MAY_BE_JUDGED, people)
            if wanted.state == "IN_REVIEW":
                ask(_HAS_A_SEAT, people, scope.caller)
            own = placed(_OWN, people)
        if scope.claimed_by is not None:
            ask(_MINE, scope.claimed_by)
        for column in ("stage", "subject", "level_kind", "importance", "assignee", "resource_id"):
            if (value := getattr(wanted, column)) is not None:
                ask(f"c.{column} = {{}}", value)
        if after is not None:
            ask("(c.due_at, c.id) > ({}, {})", *after)
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        given.append(limit)
        query = f"{own}{_SELECT}{where} ORDER BY c.due_at, c.id LIMIT ${len(given)}"
        rows: Sequence[Row] = await self._reader.fetch(query, *given)
        return rows
