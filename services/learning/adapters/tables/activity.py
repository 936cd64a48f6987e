"""What learners did: raw statements, the narrow rows beside them, and what is counted of them.

`statements` and `blobs` are partitioned by the day of their version 7 id; the service makes and
retires the partitions through the functions of the migration.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Double,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from services.learning.adapters.tables.metadata import METADATA
from shared.tables import INSTANT

Table(
    "statements",
    METADATA,
    Column("id", Uuid, primary_key=True, comment="the statement's own, if it may name a day"),
    Column("stored", INSTANT, nullable=False),
    Column("at", INSTANT, nullable=False, comment="the timestamp, or when it was stored"),
    Column("application_id", Integer, nullable=False),
    Column("actor_id", Uuid, nullable=False),
    Column("verb", Uuid, nullable=False, comment="key of its IRI"),
    Column("object", Uuid, nullable=False, comment="activity key, actor or statement id"),
    Column("about", SmallInteger, nullable=False, comment="which of these: 0, 1, 2, or 3 neither"),
    Column("registration", Uuid),
    Column("related", ARRAY(Uuid), comment="other activities and actors that it names"),
    Column("scaled", Double),
    Column("progress", SmallInteger, comment="per cent"),
    Column("completed", Boolean, nullable=False),
    Column("passed", Boolean),
    Column("duration_ms", BigInteger),
    Column("voided", Boolean, nullable=False),
    Column("digest", LargeBinary, nullable=False, comment="of what makes it another one"),
    Column("blob_id", Uuid, nullable=False),
    Column("line", SmallInteger, nullable=False, comment="of the blob, from 0"),
    Index("ix_statements_stored", "stored", "id"),
    Index("ix_statements_actor_id", "actor_id", "stored"),
    Index("ix_statements_object", "object", "stored"),
    Index("ix_statements_references", "stored", postgresql_where=text("about = 2"), unique=False),
    Index(
        "ix_statements_related",
        "related",
        postgresql_using="gin",
        postgresql_where=text("related IS NOT NULL"),
    ),
    postgresql_partition_by="RANGE (id)",
)
Table(
    "blobs",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("content", LargeBinary, nullable=False, comment="zlib: one statement a line"),
    postgresql_partition_by="RANGE (id)",
)
Table(
    "ledger",
    METADATA,
    Column("statement_id", Uuid, primary_key=True, comment="one that names no day of ours"),
    Column("id", Uuid, nullable=False, comment="of its row"),
    Column("digest", LargeBinary, nullable=False),
)
Table(
    "pending_voids",
    METADATA,
    Column("statement_id", Uuid, primary_key=True, comment="not yet here"),
    Column("application_id", Integer, primary_key=True, comment="that voids it"),
)
Table(
    "attachments",
    METADATA,
    Column("sha2", Text, primary_key=True),
    Column("content_type", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("stored", INSTANT, nullable=False),
)
Table(
    "activities",
    METADATA,
    Column("key", Uuid, primary_key=True),
    Column("iri", Text, nullable=False),
    Column("definition", JSONB, nullable=False),
)
Table(
    "progress",
    METADATA,
    Column("actor_id", Uuid, primary_key=True),
    Column("activity", Uuid, primary_key=True),
    Column("first_at", INSTANT, nullable=False),
    Column("last_at", INSTANT, nullable=False),
    Column("statements", BigInteger, nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("progress", SmallInteger, comment="per cent"),
    Column("best_scaled", Double),
    Column("completed", Boolean, nullable=False),
    Column("passed", Boolean, nullable=False),
    postgresql_with={"fillfactor": "80"},
)
Table(
    "mastery",
    METADATA,
    Column("actor_id", Uuid, primary_key=True),
    Column("point", Uuid, primary_key=True, comment="key of a knowledge point's address"),
    Column("last_at", INSTANT, nullable=False),
    Column("tries", BigInteger, nullable=False),
    Column("score", BigInteger, nullable=False, comment="in thousandths"),
    Column("weighed_tries", Numeric, nullable=False, comment="whole, twice as much every 30 days"),
    Column("weighed_score", Numeric, nullable=False, comment="likewise"),
    postgresql_with={"fillfactor": "80"},
)
Table(
    "activity_days",
    METADATA,
    Column("activity", Uuid, primary_key=True),
    Column("day", Date, primary_key=True, comment="in China"),
    Column("statements", BigInteger, nullable=False),
    Column("completions", BigInteger, nullable=False),
    Column("passes", BigInteger, nullable=False),
    postgresql_with={"fillfactor": "80"},
)
