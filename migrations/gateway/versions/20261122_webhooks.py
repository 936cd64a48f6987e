"""webhooks, the events they may be told and what was sent"""

from alembic import op

revision = "gateway_0003_webhooks"
down_revision = "gateway_0002_keys"

_TABLES = """
CREATE EXTENSION IF NOT EXISTS ltree;
CREATE TABLE webhooks (
    id UUID NOT NULL,
    client TEXT NOT NULL,
    organisation_path LTREE NOT NULL,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    event_types TEXT[] NOT NULL,
    scopes TEXT[] NOT NULL,
    state TEXT NOT NULL,
    suspended BOOLEAN NOT NULL,
    version INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    free_at TIMESTAMP WITH TIME ZONE NOT NULL,
    lease UUID,
    failures INTEGER NOT NULL,
    failing_since TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_webhooks PRIMARY KEY (id)
);
CREATE INDEX ix_webhooks_client ON webhooks (client);
CREATE INDEX ix_webhooks_organisation_path ON webhooks USING gist (organisation_path);
COMMENT ON COLUMN webhooks.client IS 'by whose token it was made';
COMMENT ON COLUMN webhooks.scopes IS 'of its application';
COMMENT ON COLUMN webhooks.suspended IS 'its application is';
COMMENT ON COLUMN webhooks.free_at IS 'end of the lease or of a pause';
COMMENT ON COLUMN webhooks.lease IS 'of whoever sends to it now';
COMMENT ON COLUMN webhooks.failures IS 'since its last success';
CREATE TABLE webhook_secrets (
    id UUID NOT NULL,
    webhook_id UUID NOT NULL,
    secret BYTEA NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_webhook_secrets PRIMARY KEY (id),
    CONSTRAINT fk_webhook_secrets_webhook_id FOREIGN KEY(webhook_id) REFERENCES webhooks (id)
);
CREATE INDEX ix_webhook_secrets_webhook_id ON webhook_secrets (webhook_id);
COMMENT ON COLUMN webhook_secrets.secret IS 'encrypted';
CREATE TABLE webhook_events (
    position BIGINT GENERATED ALWAYS AS IDENTITY,
    event_id UUID NOT NULL,
    type TEXT NOT NULL,
    envelope BYTEA NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_webhook_events PRIMARY KEY (position),
    CONSTRAINT uq_webhook_events_event_id UNIQUE (event_id)
);
CREATE INDEX ix_webhook_events_recorded_at ON webhook_events (recorded_at);
COMMENT ON COLUMN webhook_events.envelope IS 'as it is told outside';
CREATE TABLE webhook_deliveries (
    id UUID NOT NULL,
    webhook_id UUID NOT NULL,
    position BIGINT NOT NULL,
    state TEXT NOT NULL,
    attempts SMALLINT NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE,
    status SMALLINT,
    failure TEXT,
    attempted_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_webhook_deliveries PRIMARY KEY (id),
    CONSTRAINT fk_webhook_deliveries_webhook_id FOREIGN KEY(webhook_id) REFERENCES webhooks (id),
    CONSTRAINT fk_webhook_deliveries_position FOREIGN KEY(position) REFERENCES webhook_events (position)
);
CREATE INDEX ix_webhook_deliveries_created_at ON webhook_deliveries (created_at);
CREATE UNIQUE INDEX ix_webhook_deliveries_pending ON webhook_deliveries (webhook_id, position) WHERE state = 'PENDING';
CREATE INDEX ix_webhook_deliveries_position ON webhook_deliveries (position);
CREATE INDEX ix_webhook_deliveries_state ON webhook_deliveries (webhook_id, state, id);
CREATE INDEX ix_webhook_deliveries_webhook_id ON webhook_deliveries (webhook_id, id);
COMMENT ON COLUMN webhook_deliveries.status IS 'of the last answer';
COMMENT ON COLUMN webhook_deliveries.failure IS 'why the last attempt was none';
"""


def upgrade() -> None:
    for statement in _TABLES.split(";"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    for name in ["webhook_deliveries", "webhook_events", "webhook_secrets", "webhooks"]:
        op.execute(f"DROP TABLE {name}")
