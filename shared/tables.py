"""The tables that every service keeps in its own database beside its own.

They are written and read with SQL by the modules named below; here stands their one definition,
against which migrations are checked.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import UserDefinedType

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

INSTANT = DateTime(timezone=True)


class Ltree(UserDefinedType[str]):
    """PostgreSQL's ltree: labels joined by dots, from the root down."""

    cache_ok = True

    def get_col_spec(self, **_kw: Any) -> str:
        return "LTREE"


def service_metadata() -> MetaData:
    """Metadata of one service, holding the tables of the house; its own tables join them."""
    metadata = MetaData(naming_convention=NAMING)
    _outbox(metadata)
    _inbox(metadata)
    _idempotency(metadata)
    _audit(metadata)
    _presence(metadata)
    return metadata


def _outbox(metadata: MetaData) -> None:
    """shared/outbox.py, shared/relay.py"""
    Table(
        "outbox",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("event_id", Uuid, nullable=False),
        Column("type", Text, nullable=False),
        Column("aggregate", Text, nullable=False),
        Column("envelope", LargeBinary, nullable=False),
        Column("recorded_at", INSTANT, nullable=False, server_default=text("now()")),
        Column("published_at", INSTANT),
        UniqueConstraint("event_id"),
        Index("ix_outbox_unpublished", "id", postgresql_where=text("published_at IS NULL")),
        Index("ix_outbox_recorded_at", "recorded_at"),
    )
    Table(
        "outbox_stream",
        metadata,
        Column("name", Text, primary_key=True),
        Column("created_at", INSTANT, nullable=False),
        Column("last_sequence", BigInteger, nullable=False, server_default=text("0")),
    )


def _inbox(metadata: MetaData) -> None:
    """shared/inbox.py"""
    Table(
        "inbox",
        metadata,
        Column("event_id", Uuid, primary_key=True),
        Column("applied_at", INSTANT, nullable=False, server_default=text("now()")),
        Index("ix_inbox_applied_at", "applied_at"),
    )
    Table(
        "inbox_position",
        metadata,
        Column("stream", Text, primary_key=True),
        Column("created_at", INSTANT, nullable=False),
        Column("sequence", BigInteger, nullable=False),
    )
    Table(
        "inbox_parked",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("event_id", Uuid, nullable=False),
        Column("aggregate", Text, nullable=False),
        Column("envelope", LargeBinary, nullable=False),
        Column("reason", Text, nullable=False),
        Column("parked_at", INSTANT, nullable=False, server_default=text("now()")),
        UniqueConstraint("event_id"),
        Index("ix_inbox_parked_aggregate", "aggregate"),
    )


def _idempotency(metadata: MetaData) -> None:
    """shared/idempotency.py"""
    Table(
        "idempotency",
        metadata,
        Column("scope", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("fingerprint", LargeBinary, nullable=False),
        Column("status", SmallInteger, nullable=False),
        Column("headers", JSONB, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("stored_at", INSTANT, nullable=False, server_default=text("now()")),
        Index("ix_idempotency_stored_at", "stored_at"),
    )


def _audit(metadata: MetaData) -> None:
    """shared/audit.py. In `audit` and `audit_chain` the service's role may insert and select,
    nothing else."""
    Table(
        "audit",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("at", INSTANT, nullable=False),
        Column("actor", Text, nullable=False),
        Column("on_behalf_of", Text),
        Column("client", Text),
        Column("action", Text, nullable=False),
        Column("target", Text, nullable=False),
        Column("organisation", Text),
        Column("before_digest", LargeBinary),
        Column("after_digest", LargeBinary),
        Column("request_id", Text, nullable=False),
        Column("facts", JSONB, nullable=False),
        Index("ix_audit_actor", "actor", "id"),
        Index("ix_audit_target", "target", "id"),
        Index("ix_audit_organisation", "organisation", "id"),
        Index("ix_audit_at", "at"),
    )
    Table(
        "audit_chain",
        metadata,
        Column("sequence", BigInteger, primary_key=True, autoincrement=False),
        Column("audit_id", BigInteger, nullable=False),
        Column("digest", LargeBinary, nullable=False),
        UniqueConstraint("audit_id"),
    )
    Table(
        "audit_unchained",
        metadata,
        Column("audit_id", BigInteger, primary_key=True, autoincrement=False),
    )


def _presence(metadata: MetaData) -> None:
    """shared/presence.py"""
    Table(
        "heard_from",
        metadata,
        Column("service", Text, primary_key=True),
        Column("version", Text, nullable=False),
        Column("started_at", INSTANT, nullable=False),
    )
