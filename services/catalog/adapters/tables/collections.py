"""Collections and the references in them.

A reference outlives its resource: it shows as unavailable then. So does the memory of an origin.
"""

from sqlalchemy import Column, ForeignKey, Index, Integer, SmallInteger, Table, Text, Uuid

from services.catalog.adapters.tables.metadata import INSTANT, METADATA, Ltree

COLLECTIONS = Table(
    "collections",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("owner", Text, nullable=False, comment="subject of the token"),
    Column("organisation_path", Ltree),
    Column("state", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("items", SmallInteger, nullable=False, comment="how many"),
    Column("derived_from_collection", Uuid),
    Column("derived_from_version", Integer),
    Column("version", Integer, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    Column("updated_at", INSTANT, nullable=False),
    Index("ix_collections_owner", "owner", "id"),
    Index("ix_collections_organisation_path", "organisation_path", postgresql_using="gist"),
)

COLLECTION_ITEMS = Table(
    "collection_items",
    METADATA,
    Column("collection_id", Uuid, ForeignKey("collections.id"), primary_key=True),
    Column("position", SmallInteger, primary_key=True, autoincrement=False, comment="from 0"),
    Column("resource_id", Uuid, nullable=False),
    Column(
        "number", Integer, comment="version it is pinned to, null where it follows the resource"
    ),
    Column("note", Text),
    Index("ix_collection_items_resource_id", "resource_id"),
)
