"""Applications that organisations allow in their spaces."""

from sqlalchemy import Column, Index, Integer, Table, Text, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import ARRAY

from services.learning.adapters.tables.metadata import METADATA
from shared.tables import INSTANT, Ltree

Table(
    "allowed_applications",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("organisation_path", Ltree, nullable=False),
    Column("record_number", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("developer", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("levels", ARRAY(Text), nullable=False),
    Column("categories", ARRAY(Text), nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    Column("updated_at", INSTANT, nullable=False),
    UniqueConstraint("organisation_path", "record_number"),
    Index(
        "ix_allowed_applications_organisation_path", "organisation_path", postgresql_using="gist"
    ),
)
