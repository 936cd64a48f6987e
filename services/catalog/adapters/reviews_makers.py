"""Who had a part in making a resource, from PostgreSQL."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# Who owns it or an upload of it, whom a version names as having made something of it, and, as audit
# tells, who sent an upload, wrote the draft or had it imported, be it on behalf of somebody else.
_MAKERS = text(
    "WITH sent AS (SELECT u.id, u.owner FROM resource_version_files f"
    " JOIN uploads u ON u.id = f.upload_id WHERE f.resource_id = :resource_id),"
    " told AS (SELECT metadata FROM resource_versions WHERE resource_id = :resource_id)"
    " SELECT owner FROM resources WHERE id = :resource_id"
    " UNION SELECT owner FROM sent"
    " UNION SELECT c.value ->> 'person_id' FROM told,"
    " jsonb_array_elements(COALESCE(metadata -> 'contributors', '[]')) c"
    " WHERE c.value ->> 'person_id' IS NOT NULL AND c.value ->> 'role' <> 'reviewer'"
    " UNION SELECT metadata #>> '{cataloguer,person_id}' FROM told"
    " WHERE metadata #>> '{cataloguer,person_id}' IS NOT NULL"
    " UNION SELECT unnest(makers) FROM review_cases WHERE resource_id = :resource_id"
    " UNION SELECT a.actor FROM sent JOIN audit a ON a.target = CAST(sent.id AS text)"
    " AND a.action IN ('upload.announced', 'upload.completed')"
    " UNION SELECT a.actor FROM audit a WHERE a.target = :target AND a.action IN"
    " ('resource.created', 'resource.changed', 'resource.draft-restored', 'resource.frozen')"
    " UNION SELECT a.actor FROM intake_rows r JOIN audit a ON a.target = CAST(r.intake_id AS text)"
    " AND a.action = 'intake.started' WHERE r.resource_id = :resource_id"
)


async def makers_of(connection: AsyncConnection, resource_id: UUID) -> frozenset[str]:
    """The ids of all of them, of whatever version."""
    asked = {"resource_id": resource_id, "target": str(resource_id)}
    return frozenset(await connection.scalars(_MAKERS, asked))
