"""Documents that applications keep for activities and agents (xAPI 1.0.3 part 3 §2.2)."""

from sqlalchemy import Column, Index, LargeBinary, Table, Text, Uuid

from services.learning.adapters.tables.metadata import METADATA
from shared.tables import INSTANT, Ltree

Table(
    "documents",
    METADATA,
    Column(
        "organisation_path",
        Ltree,
        primary_key=True,
        comment="label of an organisation, or what stands for an application",
    ),
    Column("kind", Text, primary_key=True, comment="state, activity profile or agent profile"),
    Column("activity", Uuid, primary_key=True, comment="nil for an agent profile"),
    Column("actor_id", Uuid, primary_key=True, comment="nil for an activity profile"),
    Column("registration", Uuid, primary_key=True, comment="nil without one"),
    Column("name", Text, primary_key=True, comment="stateId or profileId"),
    Column("content_type", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("sealed_under", Text, comment="in whose place; null: organisation_path"),
    Column("etag", Text, nullable=False, comment="SHA-1 of the content, in hexadecimal"),
    Column("updated_at", INSTANT, nullable=False),
    Index("ix_documents_actor_id", "actor_id"),
)
