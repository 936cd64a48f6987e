"""Registrations: what is known of them beside the log, and what the log must not tell."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.copyright.adapters.tables.metadata import INSTANT, METADATA

REGISTRATIONS = Table(
    "registrations",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("code", Text, nullable=False),
    Column("resource_id", Uuid, nullable=False),
    Column("resource_version", BigInteger),
    Column("resource_code", Text),
    Column("organisation_path", Text),
    Column("origin", Text, nullable=False, comment="HAND or CATALOGUE"),
    Column("details", JSONB, nullable=False, comment="of the work, nothing personal"),
    Column("standing", Text, nullable=False, comment="a copy of what the events say"),
    Column("length", Integer, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    Column("details_salt", LargeBinary, comment="of the commitment to details and files"),
    UniqueConstraint("code"),
    Index("ix_registrations_resource_id", "resource_id"),
    Index("ix_registrations_resource_code", "resource_code"),
)

EVENTS = Table(
    "registration_events",
    METADATA,
    Column("reg_id", Uuid, primary_key=True),
    Column("seq_in_reg", Integer, primary_key=True, autoincrement=False),
    Column("dedup", LargeBinary, nullable=False, comment="as in pending and entry"),
    Column("body", LargeBinary, nullable=False),
    Column("recorded_at", INSTANT, nullable=False),
    UniqueConstraint("dedup"),
)

FILES = Table(
    "registered_files",
    METADATA,
    Column("reg_id", Uuid, primary_key=True),
    Column("seq_in_reg", Integer, primary_key=True, autoincrement=False),
    Column("path", Text, primary_key=True),
    Column("sha256", LargeBinary, nullable=False),
    Column("sm3", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column(
        "compared",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="with the files of others",
    ),
    Index("ix_registered_files_sha256", "sha256"),
    Index("ix_registered_files_sm3", "sm3"),
    Index("ix_registered_files_uncompared", "reg_id", postgresql_where=text("NOT compared")),
)

PARTIES = Table(
    "parties",
    METADATA,
    Column("reg_id", Uuid, primary_key=True),
    Column("person", Text, primary_key=True),
    Column("commitment", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False, comment="identity and salt, encrypted"),
    UniqueConstraint("reg_id", "commitment"),
    Index("ix_parties_person", "person"),
    comment="who acts: a row is destroyed when its person is erased",
)

TEXTS = Table(
    "texts",
    METADATA,
    Column("commitment", LargeBinary, primary_key=True),
    Column("reg_id", Uuid, nullable=False),
    Column("person", Text, comment="null: the platform"),
    Column("sealed", LargeBinary, nullable=False, comment="words and salt, encrypted"),
    Column("recorded_at", INSTANT, nullable=False),
    Index("ix_texts_reg_id", "reg_id"),
    Index("ix_texts_person", "person"),
)

FORGOTTEN = Table(
    "forgotten_people",
    METADATA,
    Column("person_sha256", LargeBinary, primary_key=True),
    Column(
        "destroyed",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="the files of PostgreSQL have nothing more of them",
    ),
    comment="who was erased: nothing is kept of them anew",
)

HELD = Table(
    "held_versions",
    METADATA,
    Column("resource_id", Uuid, primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("published_at", INSTANT, nullable=False),
    Column("told", JSONB, nullable=False, comment="by the catalogue"),
    comment="published while the registration was contested: registered once it no longer is",
)

POLICIES = Table(
    "licence_policies",
    METADATA,
    Column("sha256", LargeBinary, primary_key=True),
    Column("template", Text, nullable=False),
    Column("document", LargeBinary, nullable=False, comment="ODRL, canonical JSON"),
)

CATEGORIES = Table(
    "work_categories",
    METADATA,
    Column("code", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("letter", Text, comment="in registration numbers, where known"),
    Column("dci", Integer, comment="number of the same category in DCI, where there is one"),
    Column("version", Integer, nullable=False),
)
