"""uploads"""

from alembic import op

revision = "catalog_0003"
down_revision = "catalog_0002"

_TABLES = """
CREATE EXTENSION IF NOT EXISTS ltree;
CREATE TABLE files (
    sha256 BYTEA NOT NULL,
    size BIGINT NOT NULL,
    object_key TEXT NOT NULL,
    state TEXT NOT NULL,
    sm3 BYTEA,
    media_type TEXT,
    refusal JSONB,
    facts JSONB,
    text_key TEXT,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    inspected_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_files PRIMARY KEY (sha256)
);
COMMENT ON COLUMN files.media_type IS 'found by content';
CREATE TABLE holdings (
    holder TEXT NOT NULL,
    sha256 BYTEA NOT NULL,
    CONSTRAINT pk_holdings PRIMARY KEY (holder, sha256)
);
CREATE TABLE quotas (
    holder TEXT NOT NULL,
    used BIGINT NOT NULL,
    CONSTRAINT pk_quotas PRIMARY KEY (holder)
);
COMMENT ON COLUMN quotas.holder IS 'a person or an organisation';
CREATE TABLE scrub_findings (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    sha256 BYTEA NOT NULL,
    object_key TEXT NOT NULL,
    kind TEXT NOT NULL,
    found_sha256 BYTEA,
    found_at TIMESTAMP WITH TIME ZONE NOT NULL,
    resolved_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_scrub_findings PRIMARY KEY (id)
);
CREATE UNIQUE INDEX ix_scrub_findings_sha256 ON scrub_findings (sha256) WHERE resolved_at IS NULL;
CREATE TABLE scrub_rounds (
    number INTEGER NOT NULL,
    position BYTEA NOT NULL,
    files BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    held_until TIMESTAMP WITH TIME ZONE NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_scrub_rounds PRIMARY KEY (number)
);
COMMENT ON COLUMN scrub_rounds.position IS 'digest of the file read last';
COMMENT ON COLUMN scrub_rounds.held_until IS 'no other scrubber takes it before';
CREATE TABLE uploads (
    id UUID NOT NULL,
    owner TEXT NOT NULL,
    organisation_path LTREE,
    filename TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size BIGINT NOT NULL,
    sha256 BYTEA NOT NULL,
    method TEXT NOT NULL,
    state TEXT NOT NULL,
    object_key TEXT NOT NULL,
    multipart_id TEXT,
    part_size BIGINT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    completed_at TIMESTAMP WITH TIME ZONE,
    refusal JSONB,
    version INTEGER NOT NULL,
    CONSTRAINT pk_uploads PRIMARY KEY (id)
);
CREATE INDEX ix_uploads_expires_at ON uploads (expires_at) WHERE state = 'OPEN';
CREATE INDEX ix_uploads_owner ON uploads (owner, id);
CREATE INDEX ix_uploads_sha256 ON uploads (sha256) WHERE state = 'AVAILABLE';
COMMENT ON COLUMN uploads.owner IS 'subject of the token';
COMMENT ON COLUMN uploads.organisation_path IS 'for which it is uploaded';
COMMENT ON COLUMN uploads.media_type IS 'claimed';
COMMENT ON COLUMN uploads.size IS 'claimed';
COMMENT ON COLUMN uploads.sha256 IS 'claimed';
COMMENT ON COLUMN uploads.multipart_id IS 'of the object store';
"""


def upgrade() -> None:
    for statement in _TABLES.split(";"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    for name in ["uploads", "scrub_rounds", "scrub_findings", "quotas", "holdings", "files"]:
        op.execute(f"DROP TABLE {name}")
