"""What pupils hand in, every attempt of it. Their words and those of their teachers are sealed."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from services.learning.adapters.tables.metadata import METADATA
from shared.tables import INSTANT

Table(
    "submissions",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("assignment_id", Uuid, ForeignKey("assignments.id"), nullable=False),
    Column("person", Text, nullable=False),
    Column("class_id", Uuid, nullable=False, comment="in which it was handed in"),
    Column("state", Text, nullable=False),
    Column("attempt", SmallInteger, nullable=False, comment="the last one"),
    Column("late", Boolean, nullable=False),
    Column("handed_in_at", INSTANT, nullable=False),
    Column("marking", LargeBinary, comment="sealed: marks by item, feedback"),
    Column("score", Double, comment="null until every item has a mark"),
    Column("marked_by", Text),
    Column("again_until", INSTANT),
    Column("version", Integer, nullable=False),
    Column("updated_at", INSTANT, nullable=False),
    UniqueConstraint("assignment_id", "person"),
    Index("ix_submissions_person", "person", "id"),
    Index("ix_submissions_marked_by", "marked_by", postgresql_where=text("marked_by IS NOT NULL")),
)
Table(
    "hand_ins",
    METADATA,
    Column("submission_id", Uuid, ForeignKey("submissions.id"), primary_key=True),
    Column("attempt", SmallInteger, primary_key=True, autoincrement=False, comment="from 1"),
    Column("late", Boolean, nullable=False),
    Column("handed_in_at", INSTANT, nullable=False),
    Column("answers", LargeBinary, nullable=False, comment="sealed"),
    Column(
        "marking",
        LargeBinary,
        comment="sealed: how it was judged before the next, and whether the pupil was told",
    ),
    Column("score", Double, comment="by that"),
)
Table(
    "homework_files",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("assignment_id", Uuid, ForeignKey("assignments.id"), nullable=False),
    Column("person", Text, nullable=False),
    Column("item", SmallInteger, nullable=False, comment="place, from 0"),
    Column("name", Text, nullable=False),
    Column("length", BigInteger, nullable=False, comment="bytes"),
    Column("sha256", LargeBinary, nullable=False),
    Column("submission_id", Uuid, ForeignKey("submissions.id"), comment="null: not handed in"),
    Column("announced_at", INSTANT, nullable=False),
    Index("ix_homework_files_assignment_id", "assignment_id", "person"),
    Index("ix_homework_files_person", "person"),
    Index("ix_homework_files_submission_id", "submission_id"),
    Index(
        "ix_homework_files_announced_at",
        "announced_at",
        postgresql_where=text("submission_id IS NULL"),
    ),
)
Table(
    "discarded_objects",
    METADATA,
    Column("key", Text, primary_key=True),
    comment="of the object store, to be deleted there",
)
