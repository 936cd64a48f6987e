"""agreements to licences, deadlines, and deposits with outside platforms"""

from alembic import op

revision = "copyright_0004"
down_revision = "copyright_0003"

_TABLES = """
CREATE TABLE agreements (
    event BYTEA NOT NULL,
    reg_id UUID NOT NULL,
    offer BYTEA NOT NULL,
    person TEXT,
    used_in UUID,
    ended_by TEXT,
    CONSTRAINT pk_agreements PRIMARY KEY (event)
);
CREATE INDEX ix_agreements_reg_id ON agreements (reg_id);
CREATE INDEX ix_agreements_person ON agreements (person);
COMMENT ON COLUMN agreements.person IS 'null: erased';
COMMENT ON COLUMN agreements.used_in IS 'the resource that reuses the work';
COMMENT ON COLUMN agreements.ended_by IS 'REVOKED, EXPIRED or REMOVED; null: it stands';
CREATE TABLE deadlines (
    event BYTEA NOT NULL,
    kind TEXT NOT NULL,
    reg_id UUID NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_deadlines PRIMARY KEY (event, kind)
);
CREATE INDEX ix_deadlines_due_at ON deadlines (due_at);
CREATE INDEX ix_deadlines_reg_id ON deadlines (reg_id);
COMMENT ON TABLE deadlines IS 'a row goes when it is met, or told';
COMMENT ON COLUMN deadlines.kind IS 'ANSWER, DECISION or EXPIRY';
CREATE TABLE deposits (
    id UUID NOT NULL,
    reg_id UUID NOT NULL,
    platform TEXT NOT NULL,
    digest BYTEA NOT NULL,
    requested_at TIMESTAMP WITH TIME ZONE NOT NULL,
    try_at TIMESTAMP WITH TIME ZONE,
    attempts INTEGER NOT NULL,
    refusal TEXT,
    receipt BYTEA,
    deposited_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_deposits PRIMARY KEY (id),
    CONSTRAINT uq_deposits_reg_id UNIQUE (reg_id, platform, digest)
);
CREATE INDEX ix_deposits_try_at ON deposits (try_at);
COMMENT ON COLUMN deposits.digest IS 'SHA-256 of the file, or the manifest root';
COMMENT ON COLUMN deposits.try_at IS 'null: deposited or refused';
COMMENT ON COLUMN deposits.receipt IS 'as the platform wrote it';
"""


def upgrade() -> None:
    for statement in _TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    for name in ("deposits", "deadlines", "agreements"):
        op.execute(f"DROP TABLE {name}")
