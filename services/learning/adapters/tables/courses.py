"""Courses. A reference outlives its resource: it shows as taken down then."""

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    Uuid,
)

from services.learning.adapters.tables.metadata import METADATA
from shared.tables import INSTANT, Ltree

Table(
    "courses",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("owner", Text, comment="null: erased"),
    Column("organisation_path", Ltree, nullable=False),
    Column("state", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("introduction", Text, nullable=False),
    Column("starts_on", Date, comment="in China"),
    Column("ends_on", Date, comment="the last day"),
    Column("share", SmallInteger, nullable=False, comment="per cent to be done"),
    Column("passing", Boolean, nullable=False, comment="whether done means passed"),
    Column("items", SmallInteger, nullable=False, comment="how many"),
    Column("origin_course", Uuid),
    Column("origin_version", Integer),
    Column("version", Integer, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    Column("updated_at", INSTANT, nullable=False),
    Index("ix_courses_owner", "owner", "id"),
    Index("ix_courses_organisation_path", "organisation_path", postgresql_using="gist"),
)
Table(
    "course_sections",
    METADATA,
    Column("course_id", Uuid, ForeignKey("courses.id"), primary_key=True),
    Column("position", SmallInteger, primary_key=True, autoincrement=False, comment="from 0"),
    Column("title", Text, nullable=False),
    Column("opens_at", INSTANT),
    Column("closes_at", INSTANT),
)
Table(
    "course_items",
    METADATA,
    Column("course_id", Uuid, ForeignKey("courses.id"), primary_key=True),
    Column(
        "position",
        SmallInteger,
        primary_key=True,
        autoincrement=False,
        comment="from 0, through all sections",
    ),
    Column("section", SmallInteger, nullable=False, comment="position"),
    Column("resource_id", Uuid, nullable=False),
    Column("number", Integer, nullable=False, comment="version it is pinned to"),
    Column("title", Text, nullable=False),
    Column("required", Boolean, nullable=False),
    Index("ix_course_items_resource_id", "resource_id"),
)
Table(
    "course_enrolments",
    METADATA,
    Column("course_id", Uuid, ForeignKey("courses.id"), primary_key=True),
    Column("organisation_id", Uuid, primary_key=True, comment="of a class"),
    Column("enrolled_at", INSTANT, nullable=False),
    Index("ix_course_enrolments_organisation_id", "organisation_id"),
)
