"""Logs that were frozen, each continued by the next."""

from sqlalchemy import BigInteger, Column, LargeBinary, Table, Text, UniqueConstraint

from services.copyright.adapters.tables.metadata import INSTANT, METADATA

FROZEN_LOGS = Table(
    "frozen_logs",
    METADATA,
    Column("origin", Text, primary_key=True),
    Column(
        "base",
        BigInteger,
        nullable=False,
        comment="entry.idx of its first entry: it has size of them",
    ),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("sm3_root", LargeBinary, nullable=False),
    Column("frozen_at", INSTANT, nullable=False),
    UniqueConstraint("base"),
)
