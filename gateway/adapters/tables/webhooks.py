"""Webhooks, their secrets, the events that may be told, and what is queued and was sent."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)

from gateway.adapters.tables.metadata import METADATA
from shared.tables import INSTANT, Ltree

WEBHOOKS = Table(
    "webhooks",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("client", Text, nullable=False, comment="by whose token it was made"),
    Column("organisation_path", Ltree, nullable=False),
    Column("name", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("event_types", ARRAY(Text), nullable=False),
    Column("scopes", ARRAY(Text), nullable=False, comment="of its application"),
    Column("state", Text, nullable=False),
    Column("suspended", Boolean, nullable=False, comment="its application is"),
    Column("version", Integer, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    Column("updated_at", INSTANT, nullable=False),
    Column("free_at", INSTANT, nullable=False, comment="end of the lease or of a pause"),
    Column("lease", Uuid, comment="of whoever sends to it now"),
    Column("failures", Integer, nullable=False, comment="since its last success"),
    Column("failing_since", INSTANT),
    Index("ix_webhooks_client", "client"),
    Index("ix_webhooks_organisation_path", "organisation_path", postgresql_using="gist"),
)

WEBHOOK_SECRETS = Table(
    "webhook_secrets",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("webhook_id", Uuid, ForeignKey("webhooks.id"), nullable=False),
    Column("secret", LargeBinary, nullable=False, comment="encrypted"),
    Column("expires_at", INSTANT),
    Index("ix_webhook_secrets_webhook_id", "webhook_id"),
)

WEBHOOK_EVENTS = Table(
    "webhook_events",
    METADATA,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("event_id", Uuid, nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("envelope", LargeBinary, nullable=False, comment="as it is told outside"),
    Column("recorded_at", INSTANT, nullable=False),
    Index("ix_webhook_events_recorded_at", "recorded_at"),
)

WEBHOOK_DELIVERIES = Table(
    "webhook_deliveries",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("webhook_id", Uuid, ForeignKey("webhooks.id"), nullable=False),
    Column("position", BigInteger, ForeignKey("webhook_events.position"), nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", SmallInteger, nullable=False),
    Column("due_at", INSTANT),
    Column("status", SmallInteger, comment="of the last answer"),
    Column("failure", Text, comment="why the last attempt was none"),
    Column("attempted_at", INSTANT),
    Column("created_at", INSTANT, nullable=False),
    Index(
        "ix_webhook_deliveries_pending",
        "webhook_id",
        "position",
        unique=True,
        postgresql_where=text("state = 'PENDING'"),
    ),
    Index("ix_webhook_deliveries_webhook_id", "webhook_id", "id"),
    Index("ix_webhook_deliveries_state", "webhook_id", "state", "id"),
    Index("ix_webhook_deliveries_position", "position"),
    Index("ix_webhook_deliveries_created_at", "created_at"),
)
