"""logs that were frozen and are continued under another name"""

from alembic import op

revision = "copyright_0006"
down_revision = "copyright_0005"


def upgrade() -> None:
    op.execute(
        "CREATE TABLE frozen_logs ("
        " origin TEXT NOT NULL,"
        " base BIGINT NOT NULL,"
        " size BIGINT NOT NULL,"
        " root BYTEA NOT NULL,"
        " sm3_root BYTEA NOT NULL,"
        " frozen_at TIMESTAMP WITH TIME ZONE NOT NULL,"
        " CONSTRAINT pk_frozen_logs PRIMARY KEY (origin),"
        " CONSTRAINT uq_frozen_logs_base UNIQUE (base))"
    )
    op.execute(
        "COMMENT ON COLUMN frozen_logs.base IS 'entry.idx of its first entry: it has size of them'"
    )


def downgrade() -> None:
    op.execute("DROP TABLE frozen_logs")
