"""Who had a part in making a resource, and who is only said to, from PostgreSQL."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


def writers(resource: str) -> str:
    """A query for the people who by their own doing have a part in the `resource`, an expression of
    type uuid: who owns it, signed a submission of it, be it on behalf of somebody else, and, as
    audit tells, wrote the draft or had it imported."""
    return (
        f"SELECT o.owner FROM resources o WHERE o.id = {resource}"  # noqa: S608 - constant fragments
        " UNION SELECT unnest(ARRAY[s.signer, s.on_behalf_of]) FROM review_cases k"
        f" JOIN review_rounds s ON s.case_id = k.id WHERE k.resource_id = {resource}"
        f" UNION SELECT w.actor FROM audit w WHERE w.target = CAST({resource} AS text)"
        " AND w.action IN ('resource.created', 'resource.changed', 'resource.draft-restored',"
        " 'resource.frozen')"
        " UNION SELECT w.actor FROM intake_rows i JOIN audit w"
        " ON w.target = CAST(i.intake_id AS text) AND w.action = 'intake.started'"
        f" WHERE i.resource_id = {resource}"
    )


# And who sent a file of it or owns one, which its author may have chosen among those of the school.
# Whom its author names is not among them: authors would choose who does not judge.
_MAKERS = text(
    "WITH sent AS (SELECT u.id, u.owner FROM resource_version_files f"  # noqa: S608 - constant fragments
    " JOIN uploads u ON u.id = f.upload_id WHERE f.resource_id = CAST(:resource_id AS uuid)),"
    f" had AS ({writers('CAST(:resource_id AS uuid)')} UNION SELECT owner FROM sent"
    " UNION SELECT a.actor FROM sent JOIN audit a ON a.target = CAST(sent.id AS text)"
    " AND a.action IN ('upload.announced', 'upload.completed'))"
    " SELECT owner FROM had WHERE owner IS NOT NULL"
)

NAMED = (
    "(SELECT c.value ->> 'person_id' AS person FROM resource_versions,"
    " jsonb_array_elements(COALESCE(metadata -> 'contributors', '[]')) c"
    " WHERE resource_id = :resource_id"
    " AND c.value ->> 'person_id' IS NOT NULL AND c.value ->> 'role' <> 'reviewer'"
    " UNION SELECT metadata #>> '{cataloguer,person_id}' FROM resource_versions"
    " WHERE resource_id = :resource_id AND metadata #>> '{cataloguer,person_id}' IS NOT NULL)"
)
"""Whom a version of the resource names as having made something of it."""


async def makers_of(connection: AsyncConnection, resource_id: UUID) -> frozenset[str]:
    """The ids of all who had a part in it, of whatever version."""
    return frozenset(await connection.scalars(_MAKERS, {"resource_id": resource_id}))
