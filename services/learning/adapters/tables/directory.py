"""What the neighbours told of organisations, people and resources.

A membership and a role name their organisation by id: they move with it, untouched.
"""

from sqlalchemy import Column, Date, Index, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY

from services.learning.adapters.tables.metadata import METADATA
from shared.tables import INSTANT, Ltree

Table(
    "organisations",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("label", Text, nullable=False, unique=True, comment="last of its path"),
    Column("path", Ltree, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False, comment="OPEN or CLOSED"),
    Index("ix_organisations_path", "path", postgresql_using="gist"),
)
Table(
    "members",
    METADATA,
    Column("membership_id", Uuid, primary_key=True),
    Column("person", Text, nullable=False),
    Column("organisation_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False, comment="student, staff or other"),
    Column("valid_from", Date, nullable=False, comment="in China"),
    Column("valid_until", Date, comment="the first day without it"),
    Index("ix_members_person", "person", "membership_id"),
    Index("ix_members_organisation_id", "organisation_id", "person"),
)
Table(
    "roles",
    METADATA,
    Column("grant_id", Uuid, primary_key=True),
    Column("person", Text, nullable=False),
    Column("organisation_id", Uuid, nullable=False),
    Column("role", Text, nullable=False),
    Column("subject", Text),
    Column("valid_from", INSTANT, nullable=False),
    Column("valid_until", INSTANT),
    Index("ix_roles_person", "person"),
)
Table(
    "guardianships",
    METADATA,
    Column("guardian", Text, primary_key=True),
    Column("child", Text, primary_key=True),
    Index("ix_guardianships_child", "child"),
    comment="those by which a guardian may read",
)
Table(
    "consents",
    METADATA,
    Column("consent_id", Uuid, primary_key=True),
    Column("child", Text, nullable=False),
    Column("guardian", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("purpose_version", Integer, nullable=False),
    Index("ix_consents_child", "child"),
    Index("ix_consents_guardian", "guardian"),
    Index("ix_consents_purpose", "purpose", "purpose_version"),
    comment="those that stand",
)
Table(
    "resources",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("code", Text, nullable=False),
    Column("standing", Text, nullable=False, comment="LIVE, SUSPENDED or RETIRED"),
    Column("live_version", Integer, nullable=False),
    Column("published_versions", ARRAY(Integer), nullable=False),
    comment="of the catalogue, those that were ever published",
)
