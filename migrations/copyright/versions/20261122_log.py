"""the transparency log"""

from alembic import op

revision = "copyright_0002"
down_revision = "copyright_0001"

_TABLES = """
CREATE TABLE pending (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    dedup BYTEA NOT NULL,
    body BYTEA NOT NULL,
    CONSTRAINT pk_pending PRIMARY KEY (id),
    CONSTRAINT uq_pending_dedup UNIQUE (dedup)
);
CREATE TABLE entry (
    idx BIGINT NOT NULL,
    dedup BYTEA NOT NULL,
    body BYTEA NOT NULL,
    leaf_sha256 BYTEA NOT NULL,
    leaf_sm3 BYTEA NOT NULL,
    CONSTRAINT pk_entry PRIMARY KEY (idx),
    CONSTRAINT uq_entry_dedup UNIQUE (dedup)
);
CREATE TABLE tile (
    alg TEXT NOT NULL,
    level SMALLINT NOT NULL,
    n BIGINT NOT NULL,
    hashes BYTEA NOT NULL,
    CONSTRAINT pk_tile PRIMARY KEY (alg, level, n)
);
COMMENT ON COLUMN tile.hashes IS 'of the widest tile so far';
CREATE TABLE tree_state (
    one BOOLEAN DEFAULT true NOT NULL,
    size BIGINT NOT NULL,
    CONSTRAINT pk_tree_state PRIMARY KEY (one),
    CONSTRAINT ck_tree_state_single_row CHECK (one)
);
CREATE TABLE published (
    origin TEXT NOT NULL,
    size BIGINT NOT NULL,
    root BYTEA NOT NULL,
    note BYTEA NOT NULL,
    signed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_published PRIMARY KEY (origin)
);
CREATE TABLE checkpoint_history (
    origin TEXT NOT NULL,
    size BIGINT NOT NULL,
    root BYTEA NOT NULL,
    note BYTEA NOT NULL,
    signed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    witnessed BOOLEAN NOT NULL,
    CONSTRAINT pk_checkpoint_history PRIMARY KEY (origin, size)
);
COMMENT ON COLUMN checkpoint_history.note IS 'with the newest signatures';
COMMENT ON COLUMN checkpoint_history.witnessed IS 'by a quorum';
CREATE TABLE timestamps (
    origin TEXT NOT NULL,
    size BIGINT NOT NULL,
    authority TEXT NOT NULL,
    response BYTEA NOT NULL,
    chain BYTEA NOT NULL,
    stamped_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_timestamps PRIMARY KEY (origin, size, authority)
);
COMMENT ON COLUMN timestamps.response IS 'DER TimeStampResp';
COMMENT ON COLUMN timestamps.chain IS 'PEM';
COMMENT ON COLUMN timestamps.stamped_at IS 'as the authority says';
CREATE TABLE log_keys (
    vkey TEXT NOT NULL,
    valid_from TIMESTAMP WITH TIME ZONE NOT NULL,
    valid_to TIMESTAMP WITH TIME ZONE,
    last_size BIGINT,
    CONSTRAINT pk_log_keys PRIMARY KEY (vkey)
);
COMMENT ON COLUMN log_keys.last_size IS 'of a retired key: the last it may have signed';
"""

# Whoever asks: rights are granted anew by each migration.
_REFUSE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are written once', TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$
"""

_NAMES = "log_keys timestamps checkpoint_history published tree_state tile entry pending"


def upgrade() -> None:
    for statement in _TABLES.split(";"):
        if statement.strip():
            op.execute(statement)
    op.execute(_REFUSE)
    op.execute(
        "CREATE TRIGGER written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON entry"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    for name in _NAMES.split():
        op.execute(f"DROP TABLE {name}")
    op.execute("DROP FUNCTION refuse_change")
