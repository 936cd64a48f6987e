"""The tables of the house as each service's first revision makes them.

Frozen: later changes to them are revisions of their own in every service.
"""

from alembic import op

_TABLES = """
CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY,
    event_id uuid NOT NULL,
    type text NOT NULL,
    aggregate text NOT NULL,
    envelope bytea NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz,
    CONSTRAINT pk_outbox PRIMARY KEY (id),
    CONSTRAINT uq_outbox_event_id UNIQUE (event_id)
);
CREATE INDEX ix_outbox_unpublished ON outbox (id) WHERE published_at IS NULL;
CREATE INDEX ix_outbox_recorded_at ON outbox (recorded_at);

CREATE TABLE outbox_stream (
    name text NOT NULL,
    created_at timestamptz NOT NULL,
    last_sequence bigint NOT NULL DEFAULT 0,
    CONSTRAINT pk_outbox_stream PRIMARY KEY (name)
);

CREATE TABLE inbox (
    event_id uuid NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_inbox PRIMARY KEY (event_id)
);
CREATE INDEX ix_inbox_applied_at ON inbox (applied_at);

CREATE TABLE inbox_position (
    stream text NOT NULL,
    created_at timestamptz NOT NULL,
    sequence bigint NOT NULL,
    CONSTRAINT pk_inbox_position PRIMARY KEY (stream)
);

CREATE TABLE inbox_parked (
    id bigint GENERATED ALWAYS AS IDENTITY,
    event_id uuid NOT NULL,
    aggregate text NOT NULL,
    envelope bytea NOT NULL,
    reason text NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_inbox_parked PRIMARY KEY (id),
    CONSTRAINT uq_inbox_parked_event_id UNIQUE (event_id)
);
CREATE INDEX ix_inbox_parked_aggregate ON inbox_parked (aggregate);

CREATE TABLE idempotency (
    scope text NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    status smallint NOT NULL,
    headers jsonb NOT NULL,
    body bytea NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_idempotency PRIMARY KEY (scope, key)
);
CREATE INDEX ix_idempotency_stored_at ON idempotency (stored_at);

CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    on_behalf_of text,
    client text,
    action text NOT NULL,
    target text NOT NULL,
    organisation text,
    before_digest bytea,
    after_digest bytea,
    request_id text NOT NULL,
    facts jsonb NOT NULL,
    CONSTRAINT pk_audit PRIMARY KEY (id)
);
CREATE INDEX ix_audit_actor ON audit (actor, id);
CREATE INDEX ix_audit_target ON audit (target, id);
CREATE INDEX ix_audit_organisation ON audit (organisation, id);
CREATE INDEX ix_audit_at ON audit (at);

CREATE TABLE audit_chain (
    sequence bigint NOT NULL,
    audit_id bigint NOT NULL,
    digest bytea NOT NULL,
    CONSTRAINT pk_audit_chain PRIMARY KEY (sequence),
    CONSTRAINT uq_audit_chain_audit_id UNIQUE (audit_id)
);

CREATE TABLE audit_unchained (
    audit_id bigint NOT NULL,
    CONSTRAINT pk_audit_unchained PRIMARY KEY (audit_id)
);

CREATE TABLE heard_from (
    service text NOT NULL,
    version text NOT NULL,
    started_at timestamptz NOT NULL,
    CONSTRAINT pk_heard_from PRIMARY KEY (service)
);
"""

_NAMES = (
    "outbox outbox_stream inbox inbox_position inbox_parked idempotency audit audit_chain"
    " audit_unchained heard_from"
)


def create() -> None:
    """Make the tables."""
    for statement in _TABLES.split(";"):
        if statement.strip():
            op.execute(statement)


def drop() -> None:
    """Remove them."""
    for name in _NAMES.split():
        op.execute(f"DROP TABLE {name}")
