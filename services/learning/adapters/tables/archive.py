"""What teachers wrote into growth archives, and how far learners were term by term."""

from sqlalchemy import Column, Date, Index, LargeBinary, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from services.learning.adapters.tables.metadata import METADATA
from shared.tables import INSTANT

Table(
    "archive_entries",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("person", Text, nullable=False),
    Column("kind", Text, nullable=False, comment="AWARD or REMARK"),
    Column("sealed", LargeBinary, nullable=False, comment="title and text"),
    Column("day", Date, nullable=False, comment="in China"),
    Column("organisation_id", Uuid, nullable=False),
    Column("author", Text, comment="null: erased"),
    Column("created_at", INSTANT, nullable=False),
    Index("ix_archive_entries_person", "person", "id"),
    Index("ix_archive_entries_author", "author"),
)
Table(
    "archive_snapshots",
    METADATA,
    Column("person", Text, primary_key=True),
    Column("term", Text, primary_key=True),
    Column("taken_at", INSTANT, nullable=False),
    Column("content", JSONB, nullable=False),
)
