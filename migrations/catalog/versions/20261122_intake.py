"""bulk intakes"""

from alembic import op

revision = "catalog_0007"
down_revision = "catalog_0006"

_TABLES = """
CREATE TABLE intake_keys (
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    resource_id UUID NOT NULL,
    CONSTRAINT pk_intake_keys PRIMARY KEY (owner, key)
);
COMMENT ON COLUMN intake_keys.key IS 'external';
CREATE TABLE intakes (
    id UUID NOT NULL,
    owner TEXT NOT NULL,
    client TEXT NOT NULL,
    grants TEXT[] NOT NULL,
    request_id TEXT NOT NULL,
    language TEXT NOT NULL,
    organisation_path LTREE,
    table_upload_id UUID NOT NULL,
    archive_upload_id UUID,
    defaults JSONB NOT NULL,
    dry_run BOOLEAN NOT NULL,
    state TEXT NOT NULL,
    rows INTEGER NOT NULL,
    remarks JSONB NOT NULL,
    failure TEXT,
    attempts SMALLINT NOT NULL,
    worker UUID,
    lease_until TIMESTAMP WITH TIME ZONE NOT NULL,
    version INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_intakes PRIMARY KEY (id)
);
CREATE INDEX ix_intakes_due ON intakes (lease_until) WHERE state IN ('RECEIVED', 'EXTRACTING', 'APPLYING');
CREATE INDEX ix_intakes_owner ON intakes (owner, id);
COMMENT ON COLUMN intakes.owner IS 'subject of the token';
COMMENT ON COLUMN intakes.grants IS 'of the token that began it';
COMMENT ON COLUMN intakes.language IS 'of what it reports';
COMMENT ON COLUMN intakes.defaults IS 'metadata';
COMMENT ON COLUMN intakes.lease_until IS 'nobody else takes it before';
CREATE TABLE intake_files (
    intake_id UUID NOT NULL,
    name TEXT NOT NULL,
    sha256 BYTEA NOT NULL,
    upload_id UUID,
    fault JSONB,
    CONSTRAINT pk_intake_files PRIMARY KEY (intake_id, name),
    CONSTRAINT fk_intake_files_intake_id FOREIGN KEY(intake_id) REFERENCES intakes (id)
);
COMMENT ON COLUMN intake_files.name IS 'in the archive, or given';
COMMENT ON COLUMN intake_files.fault IS 'why it could not be taken';
CREATE TABLE intake_rows (
    intake_id UUID NOT NULL,
    position INTEGER NOT NULL,
    line INTEGER NOT NULL,
    key TEXT,
    metadata JSONB NOT NULL,
    files JSONB NOT NULL,
    outcome TEXT,
    resource_id UUID,
    defects JSONB NOT NULL,
    CONSTRAINT pk_intake_rows PRIMARY KEY (intake_id, position),
    CONSTRAINT fk_intake_rows_intake_id FOREIGN KEY(intake_id) REFERENCES intakes (id)
);
CREATE INDEX ix_intake_rows_pending ON intake_rows (intake_id, position) WHERE outcome IS NULL;
COMMENT ON COLUMN intake_rows.position IS 'from 1';
COMMENT ON COLUMN intake_rows.line IS 'row of the file';
COMMENT ON COLUMN intake_rows.key IS 'external';
COMMENT ON COLUMN intake_rows.files IS 'name, role and column of each';
COMMENT ON COLUMN intake_rows.outcome IS 'null until it is dealt with';
"""


def upgrade() -> None:
    for statement in _TABLES.split(";"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    for name in ["intake_rows", "intake_files", "intakes", "intake_keys"]:
        op.execute(f"DROP TABLE {name}")
