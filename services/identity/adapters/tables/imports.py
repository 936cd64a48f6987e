"""Bulk imports and their lines; what clients provision over SCIM."""

from sqlalchemy import (
    ARRAY,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.identity.adapters.tables.metadata import INSTANT, METADATA

IMPORTS = Table(
    "imports",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("organisation_id", Uuid, ForeignKey("organisations.id"), nullable=False),
    Column("format", Text, nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("object_key", Text, nullable=False),
    Column("file_digest", LargeBinary, comment="SHA-256 of the file when it was first read"),
    Column("requested_by", Text, nullable=False),
    Column("client", Text),
    Column("request_id", Text, nullable=False),
    Column("lines", Integer, nullable=False, comment="staged so far"),
    Column("position", Integer, nullable=False, comment="the last line that was dealt with"),
    Column("attempts", Integer, nullable=False, comment="of the present step"),
    Column("failure", Text),
    Column("version", Integer, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    Column("updated_at", INSTANT, nullable=False),
    Index(
        "ix_imports_unfinished",
        "updated_at",
        postgresql_where=text("state IN ('RECEIVED', 'COMPARING', 'APPLYING', 'COMPARED')"),
    ),
)

IMPORT_LINES = Table(
    "import_lines",
    METADATA,
    Column("import_id", Uuid, ForeignKey("imports.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False, comment="from 1"),
    Column("number", Integer, nullable=False, comment="row in the file"),
    Column("repeats", Boolean, nullable=False, comment="an earlier line is of the same person"),
    Column("content", LargeBinary, comment="encrypted JSON, until it is applied"),
    Column("outcome", Text),
    Column("person_id", Uuid),
    Column("changes", ARRAY(Text), nullable=False),
    Column("defects", JSONB, comment="column, reason and detail, no values"),
    Index("ix_import_lines_outcome", "import_id", "outcome", "position"),
)

SCIM_ACCOUNTS = Table(
    "scim_accounts",
    METADATA,
    Column("person_id", Uuid, ForeignKey("people.id"), primary_key=True),
    Column("client", Text, nullable=False, comment="which made the account"),
    Column("external_id", Text, comment="what the client calls it"),
    Column("tells_active", Boolean, nullable=False, comment="whether the client says active"),
    Column("user_type", Text, comment="what the client says the person is there"),
    Index("ix_scim_accounts_client", "client", "person_id"),
    Index("ix_scim_accounts_external_id", "client", "external_id"),
)
