"""inspections and derivatives"""

from alembic import op

revision = "catalog_0004"
down_revision = "catalog_0003"

_TABLES = """
CREATE TABLE inspections (
    id UUID NOT NULL,
    upload_id UUID NOT NULL,
    sha256 BYTEA,
    state TEXT NOT NULL,
    step TEXT NOT NULL,
    progress SMALLINT NOT NULL,
    attempts INTEGER NOT NULL,
    outages INTEGER NOT NULL,
    lease_until TIMESTAMP WITH TIME ZONE NOT NULL,
    worker UUID,
    queued_at TIMESTAMP WITH TIME ZONE NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE,
    finished_at TIMESTAMP WITH TIME ZONE,
    report JSONB,
    CONSTRAINT pk_inspections PRIMARY KEY (id),
    CONSTRAINT uq_inspections_upload_id UNIQUE (upload_id)
);
CREATE INDEX ix_inspections_unfinished ON inspections (lease_until) WHERE state IN ('QUEUED', 'RUNNING');
COMMENT ON COLUMN inspections.sha256 IS 'of the bytes that were read';
COMMENT ON COLUMN inspections.progress IS 'percent';
COMMENT ON COLUMN inspections.attempts IS 'that were not cut short by an outage';
COMMENT ON COLUMN inspections.outages IS 'in a row';
COMMENT ON COLUMN inspections.lease_until IS 'no worker takes it before';
COMMENT ON COLUMN inspections.worker IS 'drawn anew by each worker that takes it';
CREATE TABLE derivatives (
    sha256 BYTEA NOT NULL,
    kind TEXT NOT NULL,
    number INTEGER NOT NULL,
    object_key TEXT NOT NULL,
    media_type TEXT NOT NULL,
    width INTEGER,
    height INTEGER,
    size BIGINT NOT NULL,
    CONSTRAINT pk_derivatives PRIMARY KEY (sha256, kind, number)
);
COMMENT ON COLUMN derivatives.sha256 IS 'of the file it was made from';
COMMENT ON COLUMN derivatives.number IS 'from 1, as pages are';
"""


def upgrade() -> None:
    for statement in _TABLES.split(";"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    for name in ["derivatives", "inspections"]:
        op.execute(f"DROP TABLE {name}")
