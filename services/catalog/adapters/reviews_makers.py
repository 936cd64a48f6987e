"""Who had a part in making a resource, and who is only said to, from PostgreSQL."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# Who owns it or an upload of it, signed a submission of it, be it on behalf of somebody else, and,
# as audit tells, sent an upload, wrote the draft or had it imported. Whom its author names is not
# among them: authors would choose who does not judge.
_MAKERS = text(
    "WITH sent AS (SELECT u.id, u.owner FROM resource_version_files f"
    " JOIN uploads u ON u.id = f.upload_id WHERE f.resource_id = :resource_id),"
    " signed AS (SELECT r.signer, r.on_behalf_of FROM review_cases c"
    " JOIN review_rounds r ON r.case_id = c.id WHERE c.resource_id = :resource_id)"
    " SELECT owner FROM resources WHERE id = :resource_id"
    " UNION SELECT owner FROM sent"
    " UNION SELECT signer FROM signed"
    " UNION SELECT on_behalf_of FROM signed WHERE on_behalf_of IS NOT NULL"
    " UNION SELECT a.actor FROM sent JOIN audit a ON a.target = CAST(sent.id AS text)"
    " AND a.action IN ('upload.announced', 'upload.completed')"
    " UNION SELECT a.actor FROM audit a WHERE a.target = :target AND a.action IN"
    " ('resource.created', 'resource.changed', 'resource.draft-restored', 'resource.frozen')"
    " UNION SELECT a.actor FROM intake_rows r JOIN audit a ON a.target = CAST(r.intake_id AS text)"
    " AND a.action = 'intake.started' WHERE r.resource_id = :resource_id"
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
    asked = {"resource_id": resource_id, "target": str(resource_id)}
    return frozenset(await connection.scalars(_MAKERS, asked))
