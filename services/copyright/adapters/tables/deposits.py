"""Deposits of works with outside evidence platforms (存证), and their receipts."""

from sqlalchemy import Column, Index, Integer, LargeBinary, Table, Text, UniqueConstraint, Uuid

from services.copyright.adapters.tables.metadata import INSTANT, METADATA

DEPOSITS = Table(
    "deposits",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("reg_id", Uuid, nullable=False),
    Column("platform", Text, nullable=False),
    Column(
        "digest", LargeBinary, nullable=False, comment="SHA-256 of the file, or the manifest root"
    ),
    Column("requested_at", INSTANT, nullable=False),
    Column("try_at", INSTANT, comment="null: deposited or refused"),
    Column("attempts", Integer, nullable=False),
    Column("refusal", Text),
    Column("receipt", LargeBinary, comment="as the platform wrote it"),
    Column("deposited_at", INSTANT),
    UniqueConstraint("reg_id", "platform", "digest"),
    Index("ix_deposits_try_at", "try_at"),
)
