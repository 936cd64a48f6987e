"""what applications asked for"""

from alembic import op

revision = "gateway_0004_usage"
down_revision = "gateway_0003_webhooks"

_UP = """
CREATE EXTENSION IF NOT EXISTS ltree;
CREATE TABLE applications (
    client_id TEXT NOT NULL,
    organisation_path LTREE NOT NULL,
    name TEXT NOT NULL,
    quota_class TEXT NOT NULL,
    version INTEGER NOT NULL,
    CONSTRAINT pk_applications PRIMARY KEY (client_id)
);
COMMENT ON COLUMN applications.version IS 'identity''s';
CREATE INDEX ix_applications_organisation_path ON applications USING gist (organisation_path);
CREATE TABLE usage_days (
    client_id TEXT NOT NULL,
    day DATE NOT NULL,
    operation TEXT NOT NULL,
    requests BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    received BIGINT NOT NULL,
    sent BIGINT NOT NULL,
    CONSTRAINT pk_usage_days PRIMARY KEY (client_id, day, operation)
);
COMMENT ON COLUMN usage_days.day IS 'in China';
COMMENT ON COLUMN usage_days.operation IS 'method and path template';
CREATE TABLE access_log_files (
    name TEXT NOT NULL,
    position BIGINT NOT NULL,
    read_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_access_log_files PRIMARY KEY (name)
);
COMMENT ON COLUMN access_log_files.name IS 'SHA-256 of its first line';
COMMENT ON COLUMN access_log_files.position IS 'counted so far, in bytes'
"""


def upgrade() -> None:
    for statement in _UP.split(";"):
        op.execute(statement)


def downgrade() -> None:
    for table in ("access_log_files", "usage_days", "applications"):
        op.execute(f"DROP TABLE {table}")
