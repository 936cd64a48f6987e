"""Applications that keep records here, and the people they name."""

from sqlalchemy import Column, Identity, Index, Integer, LargeBinary, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY

from services.learning.adapters.tables.metadata import METADATA
from shared.tables import INSTANT, Ltree

Table(
    "applications",
    METADATA,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("username", Text, nullable=False, unique=True, comment="or the id of an OAuth client"),
    Column("secret_hash", LargeBinary, comment="SHA-256 of 256 random bits, none for OAuth"),
    Column("name", Text, nullable=False),
    Column("organisation_path", Ltree, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("class", Text, nullable=False, comment="whose requests wait for whose"),
    Column("created_at", INSTANT, nullable=False),
    Column("revoked_at", INSTANT),
    Index("ix_applications_organisation_path", "organisation_path", postgresql_using="gist"),
)
Table(
    "actors",
    METADATA,
    Column("id", Uuid, primary_key=True, comment="the pseudonym: says nothing about anyone"),
    Column("identifier_hash", LargeBinary, nullable=False, unique=True, comment="keyed"),
    Column("created_at", INSTANT, nullable=False),
    Column("erased_at", INSTANT, comment="nothing of this person is kept or taken"),
    Index("ix_actors_erased", "id", postgresql_where=text("erased_at IS NOT NULL")),
)
Table(
    "personas",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("actor_id", Uuid, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True, comment="keyed, of the agent"),
    Column("sealed", LargeBinary, nullable=False, comment="the agent as it was sent"),
    Index("ix_personas_actor_id", "actor_id"),
)
