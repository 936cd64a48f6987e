"""What is written in spaces. A space's id is that of its person or of its organisation."""

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    Uuid,
)

from services.learning.adapters.tables.metadata import METADATA
from shared.tables import INSTANT

Table(
    "space_pages",
    METADATA,
    Column("space_id", Uuid, primary_key=True),
    Column("introduction", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated_at", INSTANT, nullable=False),
)
Table(
    "space_resources",
    METADATA,
    Column("space_id", Uuid, primary_key=True),
    Column("position", SmallInteger, primary_key=True, autoincrement=False, comment="from 0"),
    Column("resource_id", Uuid, nullable=False),
    Column("number", Integer, comment="version, null where it follows the live one"),
    Column("title", Text, nullable=False),
    Column("note", Text),
)
Table(
    "announcements",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("space_id", Uuid, nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("pinned", Boolean, nullable=False),
    Column("author", Text, comment="null: erased"),
    Column("version", Integer, nullable=False),
    Column("published_at", INSTANT, nullable=False),
    Column("updated_at", INSTANT, nullable=False),
    Index("ix_announcements_space_id", "space_id", "id"),
    Index("ix_announcements_author", "author"),
)
