"""What follows from events of the log, and what the log must not tell of it."""

from sqlalchemy import Column, Index, LargeBinary, Table, Text, Uuid

from services.copyright.adapters.tables.metadata import INSTANT, METADATA

AGREEMENTS = Table(
    "agreements",
    METADATA,
    Column("event", LargeBinary, primary_key=True),
    Column("reg_id", Uuid, nullable=False),
    Column("offer", LargeBinary, nullable=False),
    Column("person", Text, comment="null: erased"),
    Column("used_in", Uuid, comment="the resource that reuses the work"),
    Column("ended_by", Text, comment="REVOKED, EXPIRED or REMOVED; null: it stands"),
    Index("ix_agreements_reg_id", "reg_id"),
    Index("ix_agreements_person", "person"),
)

DEADLINES = Table(
    "deadlines",
    METADATA,
    Column("event", LargeBinary, primary_key=True),
    Column("kind", Text, primary_key=True, comment="ANSWER, DECISION or EXPIRY"),
    Column("reg_id", Uuid, nullable=False),
    Column("due_at", INSTANT, nullable=False),
    Index("ix_deadlines_due_at", "due_at"),
    Index("ix_deadlines_reg_id", "reg_id"),
    comment="a row goes when it is met, or told",
)
