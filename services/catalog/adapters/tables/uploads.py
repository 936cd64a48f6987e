"""Uploads, the files they became, what counts against a quota, and the rounds of the scrubber."""

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, LargeBinary, Table, Text, Uuid
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB

from services.catalog.adapters.tables.metadata import INSTANT, METADATA, Ltree

UPLOADS = Table(
    "uploads",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("owner", Text, nullable=False, comment="subject of the token"),
    Column("organisation_path", Ltree, comment="for which it is uploaded"),
    Column("filename", Text, nullable=False),
    Column("media_type", Text, nullable=False, comment="claimed"),
    Column("size", BigInteger, nullable=False, comment="claimed"),
    Column("sha256", LargeBinary, nullable=False, comment="claimed"),
    Column("method", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("object_key", Text, nullable=False),
    Column("multipart_id", Text, comment="of the object store"),
    Column("part_size", BigInteger, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    Column("expires_at", INSTANT, nullable=False),
    Column("completed_at", INSTANT),
    Column("refusal", JSONB),
    Column("version", Integer, nullable=False),
    Index("ix_uploads_owner", "owner", "id"),
    Index("ix_uploads_expires_at", "expires_at", postgresql_where=sql("state = 'OPEN'")),
    Index("ix_uploads_sha256", "sha256", postgresql_where=sql("state = 'AVAILABLE'")),
)

FILES = Table(
    "files",
    METADATA,
    Column("sha256", LargeBinary, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("object_key", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("sm3", LargeBinary),
    Column("media_type", Text, comment="found by content"),
    Column("refusal", JSONB),
    Column("facts", JSONB),
    Column("text_key", Text),
    Column("created_at", INSTANT, nullable=False),
    Column("inspected_at", INSTANT),
)

QUOTAS = Table(
    "quotas",
    METADATA,
    Column("holder", Text, primary_key=True, comment="a person or an organisation"),
    Column("used", BigInteger, nullable=False),
)

HOLDINGS = Table(
    "holdings",
    METADATA,
    Column("holder", Text, primary_key=True),
    Column("sha256", LargeBinary, primary_key=True),
)

SCRUB_ROUNDS = Table(
    "scrub_rounds",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("position", LargeBinary, nullable=False, comment="digest of the file read last"),
    Column("files", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("held_until", INSTANT, nullable=False, comment="no other scrubber takes it before"),
    Column("started_at", INSTANT, nullable=False),
    Column("finished_at", INSTANT),
)

SCRUB_FINDINGS = Table(
    "scrub_findings",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("sha256", LargeBinary, nullable=False),
    Column("object_key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("found_sha256", LargeBinary),
    Column("found_at", INSTANT, nullable=False),
    Column("resolved_at", INSTANT),
    Index(
        "ix_scrub_findings_sha256",
        "sha256",
        unique=True,
        postgresql_where=sql("resolved_at IS NULL"),
    ),
)
