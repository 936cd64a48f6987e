"""To whom a case goes: one statement over expert groups, the roster, absences and conflicts.

Nobody chooses the judges of their own work: what makers of a case did to groups and conflicts, as
audit tells, does not count for it. It does where an author made somebody a maker, who only uploaded
a file for all to use: nobody disarms others by taking what they sent, nor leaves a level out so.
Whom its metadata names, on their author's word alone, may judge it, though not approve: it goes to
others first, where there are any.
"""

from sqlalchemy import text

from services.catalog.adapters.reviews_makers import NAMED, writers

MAKERS = "CAST(:makers AS text[])"
RESOURCE = "CAST(:resource_id AS uuid)"


def done_by(
    target: str, actions: str, *, makers: str, of: str | None = None, they: bool = True
) -> str:
    """Whether one of the `makers`, or (not ``they``) somebody who is none, did it; with `of`, one
    who is a maker of that resource by their own doing."""

    def made(who: str) -> str:
        wrote = f" AND {who} IN ({writers(of)})" if of else ""
        return f"({who} = ANY({makers}){wrote})"

    by = f"COALESCE({made('a.actor')} OR {made('a.on_behalf_of')}, false)"
    return (
        f"EXISTS (SELECT FROM audit a WHERE a.target = CAST({target} AS text)"
        f" AND a.action IN ({actions}) AND {by if they else f'NOT {by}'})"
    )


def group_counts(makers: str, resource: str) -> str:
    """Whether no maker founded or changed the group ``g``, and somebody of it may judge there."""
    actions = "'review_group.founded', 'review_group.changed'"
    changed = done_by("g.id", actions, makers=makers, of=resource)
    return (
        f"NOT {changed} AND EXISTS (SELECT FROM review_roster r WHERE r.path = g.path"
        " AND r.person = ANY(g.members) AND r.valid_from <= now()"
        " AND (r.valid_until IS NULL OR r.valid_until > now()))"
    )


def conflict_counts(makers: str, path: str, resource: str, *, people: str | None = None) -> str:
    """Whether the conflict ``f`` is with one of the `people`, None: of the `makers`, and counts at
    `path` for the `resource` that these made."""
    declared = done_by("f.id", "'review_conflict.declared'", makers=makers, of=resource, they=False)
    lifted = done_by("f.id", "'review_conflict.lifted'", makers=makers, of=resource)
    return (
        f"f.maker = ANY({people or makers}) AND (f.lifted_at IS NULL OR {lifted})"
        f" AND (f.path IS NULL OR (f.path @> {path} AND {declared}))"
    )


_PATH = "text2ltree(:path)"
CONFLICT_COUNTS = conflict_counts(MAKERS, _PATH, RESOURCE)
GROUP_COUNTS = group_counts(MAKERS, RESOURCE)
_NAMED = f"ARRAY{NAMED}"
_CLOSE = conflict_counts(MAKERS, _PATH, RESOURCE, people=_NAMED)


def is_named(person: str) -> str:
    """Whether the metadata names the `person`, or whom they have a conflict of interest with."""
    return (
        f"({person} = ANY({_NAMED}) OR EXISTS"
        f" (SELECT FROM review_conflicts f WHERE f.reviewer = {person} AND {_CLOSE}))"
    )


OF_THE_SUBJECT = (
    "(r.subject IS NULL OR r.subject = CAST(:subject AS text) OR :level_kind = 'COMMITTEE')"
)
"""Whether the grant ``r`` is to judge what is of the subject; a committee is of all subjects."""

ROUTE = text(
    # Whoever may judge there, as identity told.
    "WITH roster AS (SELECT DISTINCT person FROM review_roster r WHERE path = text2ltree(:path)"  # noqa: S608 - constant fragments
    f" AND {OF_THE_SUBJECT} AND valid_from <= :now"
    " AND (valid_until IS NULL OR valid_until > :now)),"
    # The group of that organisation that fits best, by subject before by stage, and has somebody
    # who may judge there.
    " grp AS (SELECT g.id, g.members FROM review_groups g WHERE g.path = text2ltree(:path)"
    " AND EXISTS (SELECT FROM roster WHERE person = ANY(g.members))"
    " AND (g.stages = '{}' OR CAST(:stage AS text) = ANY(g.stages))"
    " AND (g.subjects = '{}' OR CAST(:subject AS text) = ANY(g.subjects))"
    f" AND {GROUP_COUNTS}"
    " ORDER BY (g.subjects = '{}'), (g.stages = '{}'), g.id LIMIT 1),"
    " people AS (SELECT person FROM roster WHERE NOT EXISTS (SELECT FROM grp)"
    " OR person = ANY(SELECT unnest(members) FROM grp)),"
    " fit AS (SELECT p.person FROM people p"
    " WHERE NOT EXISTS (SELECT FROM review_conflicts f WHERE f.reviewer = p.person"
    f" AND {CONFLICT_COUNTS})"
    " AND NOT EXISTS (SELECT FROM review_verdicts v WHERE v.case_id = :case_id"
    " AND v.round = :round AND v.reviewer = p.person)),"
    f" free AS (SELECT person FROM fit WHERE person <> ALL({MAKERS})"
    " AND NOT EXISTS (SELECT FROM review_absences a"
    " WHERE a.person = fit.person AND :day BETWEEN a.from_date AND a.until_date))"
    " SELECT (SELECT id FROM grp) AS group_id,"
    f" EXISTS (SELECT person FROM fit EXCEPT ({writers(RESOURCE)})) AS known,"
    " (SELECT p.person FROM free p ORDER BY"
    f" {is_named('p.person')}, (SELECT count(*) FROM review_cases c"
    " WHERE c.assignee = p.person AND c.state = 'IN_REVIEW'), p.person LIMIT 1) AS assignee"
)
"""The least busy of those who are there, of the group that fits, or without one of the roster; whom
the metadata names only where there is nobody else."""
