"""imports and provisioning"""

from alembic import op

revision = "identity_0005"
down_revision = "identity_0004"

_TABLES = """
CREATE TABLE imports (
    id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    format TEXT NOT NULL,
    dry_run BOOLEAN NOT NULL,
    state TEXT NOT NULL,
    object_key TEXT NOT NULL,
    file_digest BYTEA,
    requested_by TEXT NOT NULL,
    client TEXT,
    request_id TEXT NOT NULL,
    lines INTEGER NOT NULL,
    position INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    failure TEXT,
    version INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_imports PRIMARY KEY (id),
    CONSTRAINT fk_imports_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisations (id)
);
CREATE INDEX ix_imports_unfinished ON imports (updated_at) WHERE state IN ('RECEIVED', 'COMPARING', 'APPLYING', 'COMPARED');
COMMENT ON COLUMN imports.file_digest IS 'SHA-256 of the file when it was first read';
COMMENT ON COLUMN imports.lines IS 'staged so far';
COMMENT ON COLUMN imports.position IS 'the last line that was dealt with';
COMMENT ON COLUMN imports.attempts IS 'of the present step';
CREATE TABLE scim_accounts (
    person_id UUID NOT NULL,
    client TEXT NOT NULL,
    external_id TEXT,
    tells_active BOOLEAN NOT NULL,
    CONSTRAINT pk_scim_accounts PRIMARY KEY (person_id),
    CONSTRAINT fk_scim_accounts_person_id FOREIGN KEY(person_id) REFERENCES people (id)
);
CREATE INDEX ix_scim_accounts_client ON scim_accounts (client, person_id);
CREATE INDEX ix_scim_accounts_external_id ON scim_accounts (client, external_id);
COMMENT ON COLUMN scim_accounts.client IS 'which made the account';
COMMENT ON COLUMN scim_accounts.external_id IS 'what the client calls it';
COMMENT ON COLUMN scim_accounts.tells_active IS 'whether the client says active';
CREATE TABLE import_lines (
    import_id UUID NOT NULL,
    position INTEGER NOT NULL,
    number INTEGER NOT NULL,
    repeats BOOLEAN NOT NULL,
    content BYTEA,
    outcome TEXT,
    person_id UUID,
    changes TEXT[] NOT NULL,
    defects JSONB,
    CONSTRAINT pk_import_lines PRIMARY KEY (import_id, position),
    CONSTRAINT fk_import_lines_import_id FOREIGN KEY(import_id) REFERENCES imports (id)
);
CREATE INDEX ix_import_lines_outcome ON import_lines (import_id, outcome, position);
COMMENT ON COLUMN import_lines.position IS 'from 1';
COMMENT ON COLUMN import_lines.number IS 'row in the file';
COMMENT ON COLUMN import_lines.repeats IS 'an earlier line is of the same person';
COMMENT ON COLUMN import_lines.content IS 'encrypted JSON, until it is applied';
COMMENT ON COLUMN import_lines.defects IS 'column, reason and detail, no values';
"""


def upgrade() -> None:
    for statement in _TABLES.split(";"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    for name in ["import_lines", "scim_accounts", "imports"]:
        op.execute(f"DROP TABLE {name}")
