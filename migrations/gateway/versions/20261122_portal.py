"""who is signed in to the developer portal"""

from alembic import op

revision = "gateway_0005_portal"
down_revision = "gateway_0004_usage"

_TABLES = """
CREATE TABLE portal_sessions (
    digest BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_portal_sessions PRIMARY KEY (digest)
);
CREATE INDEX ix_portal_sessions_expires_at ON portal_sessions (expires_at);
COMMENT ON COLUMN portal_sessions.digest IS 'SHA-256 of the cookie';
COMMENT ON COLUMN portal_sessions.sealed IS 'tokens and name, encrypted';
"""


def upgrade() -> None:
    for statement in _TABLES.split(";"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE portal_sessions")
