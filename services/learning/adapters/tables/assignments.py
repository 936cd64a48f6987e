"""Homework, and the classes to which it is assigned."""

from sqlalchemy import Column, ForeignKey, Index, Integer, SmallInteger, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from services.learning.adapters.tables.metadata import METADATA
from shared.tables import INSTANT, Ltree

Table(
    "assignments",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("owner", Text, comment="null: erased"),
    Column("organisation_path", Ltree, nullable=False),
    Column("state", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("instructions", Text, nullable=False),
    Column("subject", Text, nullable=False, comment="code of a school subject"),
    Column("minutes", SmallInteger, nullable=False, comment="that it should take"),
    Column("due_at", INSTANT, nullable=False, comment="the last instant in time"),
    Column("late_until", INSTANT, comment="null: nothing is taken in late"),
    Column("late_deduction", SmallInteger, nullable=False, comment="per cent"),
    Column("attempts", SmallInteger, nullable=False),
    Column("items", JSONB, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    Column("assigned_at", INSTANT),
    Column("updated_at", INSTANT, nullable=False),
    Index("ix_assignments_owner", "owner", "id"),
    Index("ix_assignments_organisation_path", "organisation_path", postgresql_using="gist"),
)
Table(
    "assignment_classes",
    METADATA,
    Column("assignment_id", Uuid, ForeignKey("assignments.id"), primary_key=True),
    Column("organisation_id", Uuid, primary_key=True, comment="of a class"),
    Index("ix_assignment_classes_organisation_id", "organisation_id"),
)
