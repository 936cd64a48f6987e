"""Bulk intakes: their rows, their files, and which resource an external key stands for."""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    Uuid,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from services.catalog.adapters.tables.metadata import INSTANT, METADATA, Ltree

INTAKES = Table(
    "intakes",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("owner", Text, nullable=False, comment="subject of the token"),
    Column("client", Text, nullable=False),
    Column("grants", ARRAY(Text), nullable=False, comment="of the token that began it"),
    Column("request_id", Text, nullable=False),
    Column("language", Text, nullable=False, comment="of what it reports"),
    Column("organisation_path", Ltree),
    Column("table_upload_id", Uuid, nullable=False),
    Column("archive_upload_id", Uuid),
    Column("defaults", JSONB, nullable=False, comment="metadata"),
    Column("dry_run", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("remarks", JSONB, nullable=False),
    Column("failure", Text),
    Column("attempts", SmallInteger, nullable=False),
    Column("worker", Uuid),
    Column("lease_until", INSTANT, nullable=False, comment="nobody else takes it before"),
    Column("version", Integer, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    Column("updated_at", INSTANT, nullable=False),
    Index("ix_intakes_owner", "owner", "id"),
    Index(
        "ix_intakes_due",
        "lease_until",
        postgresql_where=sql("state IN ('RECEIVED', 'EXTRACTING', 'APPLYING')"),
    ),
)

INTAKE_ROWS = Table(
    "intake_rows",
    METADATA,
    Column("intake_id", Uuid, ForeignKey("intakes.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False, comment="from 1"),
    Column("line", Integer, nullable=False, comment="row of the file"),
    Column("key", Text, comment="external"),
    Column("metadata", JSONB, nullable=False),
    Column("files", JSONB, nullable=False, comment="name, role and column of each"),
    Column("outcome", Text, comment="null until it is dealt with"),
    Column("resource_id", Uuid),
    Column("defects", JSONB, nullable=False),
    Index(
        "ix_intake_rows_pending",
        "intake_id",
        "position",
        postgresql_where=sql("outcome IS NULL"),
    ),
    Index(
        "ix_intake_rows_resource_id",
        "resource_id",
        postgresql_where=sql("resource_id IS NOT NULL"),
    ),
)

INTAKE_FILES = Table(
    "intake_files",
    METADATA,
    Column("intake_id", Uuid, ForeignKey("intakes.id"), primary_key=True),
    Column("name", Text, primary_key=True, comment="in the archive, or given"),
    Column("sha256", LargeBinary, nullable=False),
    Column("upload_id", Uuid),
    Column("fault", JSONB, comment="why it could not be taken"),
)

INTAKE_KEYS = Table(
    "intake_keys",
    METADATA,
    Column("owner", Text, primary_key=True),
    Column("key", Text, primary_key=True, comment="external"),
    Column("resource_id", Uuid, nullable=False),
)
