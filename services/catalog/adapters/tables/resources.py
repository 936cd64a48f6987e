"""Resources, their drafts and versions, fingerprints of texts, and the copy of organisations."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
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


def _facets() -> list[Column[object]]:
    return [
        Column("title", Text, nullable=False),
        Column("stage", Text),
        Column("subject", Text),
        Column("grades", ARRAY(Text), nullable=False),
        Column("edition", Text),
        Column("types", ARRAY(Text), nullable=False),
        Column("licence", Text),
    ]


def _file() -> list[Column[object]]:
    return [
        Column("upload_id", Uuid, nullable=False),
        Column("sha256", LargeBinary, nullable=False),
        Column("role", Text, nullable=False),
        Column("filename", Text, nullable=False),
        Column("media_type", Text, nullable=False),
        Column("size", BigInteger, nullable=False),
        Column("description", Text),
        Column("alt_text", Text),
        Column("language", Text),
    ]


RESOURCES = Table(
    "resources",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("owner", Text, nullable=False, comment="subject of the token"),
    Column("organisation_path", Ltree),
    Column("state", Text, nullable=False),
    Column("live_version", Integer, comment="that everybody may read"),
    Column("latest_version", Integer, nullable=False),
    Column("draft", JSONB, nullable=False, comment="metadata"),
    *_facets(),
    Column("version", Integer, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    Column("updated_at", INSTANT, nullable=False),
    Column("case_id", Uuid, comment="the review that is open"),
    Index("ix_resources_owner", "owner", "id"),
    Index("ix_resources_organisation_path", "organisation_path", postgresql_using="gist"),
    Index("ix_resources_live", "id", postgresql_where=sql("live_version IS NOT NULL")),
)

RESOURCE_FILES = Table(
    "resource_files",
    METADATA,
    Column("resource_id", Uuid, ForeignKey("resources.id"), primary_key=True),
    Column("position", SmallInteger, primary_key=True, autoincrement=False, comment="from 0"),
    *_file(),
    Index("ix_resource_files_sha256", "sha256"),
)

RESOURCE_VERSIONS = Table(
    "resource_versions",
    METADATA,
    Column("resource_id", Uuid, ForeignKey("resources.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False, comment="from 1"),
    Column("metadata", JSONB, nullable=False),
    *_facets(),
    Column("digest", LargeBinary, nullable=False, comment="SHA-256 of the canonical JSON"),
    Column("created_at", INSTANT, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("note", Text, nullable=False),
)

VERSION_FILES = Table(
    "resource_version_files",
    METADATA,
    Column("resource_id", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("position", SmallInteger, primary_key=True, autoincrement=False, comment="from 0"),
    *_file(),
    ForeignKeyConstraint(
        ["resource_id", "number"], ["resource_versions.resource_id", "resource_versions.number"]
    ),
    Index("ix_resource_version_files_sha256", "sha256"),
)

FINGERPRINTS = Table(
    "fingerprints",
    METADATA,
    Column("sha256", LargeBinary, primary_key=True, comment="of the file whose text it is"),
    Column("grams", Integer, nullable=False, comment="distinct runs of five characters"),
    Column("signature", LargeBinary, nullable=False),
)

FINGERPRINT_BANDS = Table(
    "fingerprint_bands",
    METADATA,
    Column("band", SmallInteger, primary_key=True, autoincrement=False),
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("sha256", LargeBinary, ForeignKey("fingerprints.sha256"), primary_key=True),
)

FILE_CODES = Table(
    "file_codes",
    METADATA,
    Column("sha256", LargeBinary, primary_key=True),
    Column("instance", Text, nullable=False, comment="ISCC units (ISO 24138) of 256 bits"),
    Column("data", Text, nullable=False),
    Column("content", Text, comment="null: its format has none"),
    Column("letters", Integer, comment="of its text; null without one"),
    Column("every", Integer, comment="which of the text's prints are kept"),
    Column("prints", LargeBinary, comment="hash and place of each, as 32-bit numbers"),
)

ORGANISATIONS = Table(
    "organisations",
    METADATA,
    Column("label", Text, primary_key=True, comment="the last of its path, which never changes"),
    Column("path", Ltree, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Index("ix_organisations_path", "path", postgresql_using="gist"),
)
