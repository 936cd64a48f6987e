from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text, Uuid

from services.catalog.adapters.tables.metadata import INSTANT, METADATA

TEXTBOOKS = Table(
    "textbooks",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("title", Text, nullable=False),
    Column("sort_key", Text, nullable=False, comment="pinyin of the title"),
    Column("publisher", Text, nullable=False),
    Column("stage", Text),
    Column("subject", Text),
    Column("edition", Text),
    Column("grade", Text),
    Column("volume", Text),
    Column("stage_text", Text, nullable=False, comment="word for word"),
    Column("subject_text", Text, nullable=False, comment="word for word"),
    Column("edition_text", Text, nullable=False, comment="word for word"),
    Column("grade_text", Text, nullable=False, comment="word for word"),
    Column("volume_text", Text, nullable=False, comment="word for word"),
    Column("size", BigInteger, comment="bytes"),
    Column("source", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated_at", INSTANT, nullable=False),
    Index("ix_textbooks_stage", "stage", "subject", "edition", "grade"),
    Index("ix_textbooks_sort_key", "sort_key", "id"),
)

CHAPTERS = Table(
    "chapters",
    METADATA,
    Column("textbook", Uuid, ForeignKey("textbooks.id"), primary_key=True),
    Column("code", Text, primary_key=True),
    Column("parent", Text),
    Column("title", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("state", Text, nullable=False),
)
