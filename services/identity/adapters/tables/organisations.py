from sqlalchemy import BigInteger, Column, ForeignKey, Identity, Index, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from services.identity.adapters.tables.metadata import INSTANT, METADATA, Ltree

ORGANISATIONS = Table(
    "organisations",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("sort_key", Text, nullable=False, comment="pinyin of the name"),
    Column("parent_id", Uuid, ForeignKey("organisations.id")),
    Column("path", Ltree, nullable=False, unique=True),
    Column("division_code", Text),
    Column("school_code", Text, unique=True),
    Column("credit_code", Text, unique=True),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    Column("closed_at", INSTANT),
    Index("ix_organisations_path", "path", postgresql_using="gist"),
    Index("ix_organisations_parent_id", "parent_id", "sort_key", "id"),
    Index("ix_organisations_sort_key", "sort_key", "id"),
)

ORGANISATION_HISTORY = Table(
    "organisation_history",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("organisation_id", Uuid, ForeignKey("organisations.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", INSTANT, nullable=False),
    Column("actor", Text, nullable=False),
    Column("change", Text, nullable=False),
    Column("before", JSONB),
    Column("after", JSONB, nullable=False),
    Index("ix_organisation_history_organisation_id", "organisation_id", "id"),
)
