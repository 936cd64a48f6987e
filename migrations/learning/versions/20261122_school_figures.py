"""the sums of each school, of which boards of regions are made"""

from alembic import op

revision = "learning_0007"
down_revision = "learning_0006"

_TABLE = """
CREATE TABLE school_figures (
    organisation_id UUID NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    pupils INTEGER NOT NULL,
    begun INTEGER NOT NULL,
    active INTEGER NOT NULL,
    activities BIGINT NOT NULL,
    completed BIGINT NOT NULL,
    passed BIGINT NOT NULL,
    statements BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    last_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_school_figures PRIMARY KEY (organisation_id)
);
COMMENT ON COLUMN school_figures.at IS 'when they were counted';
COMMENT ON COLUMN school_figures.begun IS 'pupils who did anything';
COMMENT ON COLUMN school_figures.active IS 'pupils who did within seven days';
"""


def upgrade() -> None:
    for statement in _TABLE.split(";"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE school_figures")
