"""Inspections of uploaded files, and what is derived from a clean one."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.catalog.adapters.tables.metadata import INSTANT, METADATA

INSPECTIONS = Table(
    "inspections",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("upload_id", Uuid, nullable=False),
    Column("sha256", LargeBinary, comment="of the bytes that were read"),
    Column("state", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("progress", SmallInteger, nullable=False, comment="percent"),
    Column("attempts", Integer, nullable=False, comment="that were not cut short by an outage"),
    Column("outages", Integer, nullable=False, comment="in a row"),
    Column("lease_until", INSTANT, nullable=False, comment="no worker takes it before"),
    Column("worker", Uuid, comment="drawn anew by each worker that takes it"),
    Column("queued_at", INSTANT, nullable=False),
    Column("started_at", INSTANT),
    Column("finished_at", INSTANT),
    Column("report", JSONB),
    UniqueConstraint("upload_id"),
    Index(
        "ix_inspections_unfinished",
        "lease_until",
        postgresql_where=text("state IN ('QUEUED', 'RUNNING')"),
    ),
)

DERIVATIVES = Table(
    "derivatives",
    METADATA,
    Column("sha256", LargeBinary, primary_key=True, comment="of the file it was made from"),
    Column("kind", Text, primary_key=True),
    Column("number", Integer, primary_key=True, comment="from 1, as pages are"),
    Column("object_key", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("width", Integer),
    Column("height", Integer),
    Column("size", BigInteger, nullable=False),
)
