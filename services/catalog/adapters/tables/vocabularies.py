from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from services.catalog.adapters.tables.metadata import INSTANT, METADATA

DICTIONARIES = Table(
    "dictionaries",
    METADATA,
    Column("code", Text, primary_key=True),
    Column("title_zh", Text, nullable=False),
    Column("title_en", Text, nullable=False),
    Column("hierarchical", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated_at", INSTANT, nullable=False),
)

TERMS = Table(
    "terms",
    METADATA,
    Column("dictionary", Text, ForeignKey("dictionaries.code"), primary_key=True),
    Column("code", Text, primary_key=True),
    Column("since", Integer, primary_key=True, comment="the first version it stands in so"),
    Column("until", Integer, comment="the first version it no longer stands in so"),
    Column("parent", Text),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("aliases", ARRAY(Text), nullable=False),
    Column("crosswalk", JSONB, nullable=False),
    Column("position", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Index(
        "ix_terms_current",
        "dictionary",
        "code",
        unique=True,
        postgresql_where=text("until IS NULL"),
    ),
)

DICTIONARY_VERSIONS = Table(
    "dictionary_versions",
    METADATA,
    Column("dictionary", Text, ForeignKey("dictionaries.code"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("at", INSTANT, nullable=False),
    Column("actor", Text, nullable=False),
    Column("added", ARRAY(Text), nullable=False, comment="codes"),
    Column("changed", ARRAY(Text), nullable=False, comment="codes"),
)
