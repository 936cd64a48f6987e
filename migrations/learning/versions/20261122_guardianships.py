"""guardians, whether or not a consent of theirs stands; what was told of earlier attempts"""

from alembic import op

revision = "learning_0008"
down_revision = "learning_0007"

_STATEMENTS = """
CREATE TABLE guardianships (
    guardian TEXT NOT NULL,
    child TEXT NOT NULL,
    CONSTRAINT pk_guardianships PRIMARY KEY (guardian, child)
);
CREATE INDEX ix_guardianships_child ON guardianships (child);
COMMENT ON TABLE guardianships IS 'those by which a guardian may read';
INSERT INTO guardianships (guardian, child) SELECT DISTINCT guardian, child FROM consents;
ALTER TABLE hand_ins ADD COLUMN marking BYTEA;
ALTER TABLE hand_ins ADD COLUMN score DOUBLE PRECISION;
COMMENT ON COLUMN hand_ins.marking IS 'sealed: what the pupil was told before the next';
COMMENT ON COLUMN hand_ins.score IS 'likewise'
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";"):
        op.execute(statement)


def downgrade() -> None:
    op.execute("ALTER TABLE hand_ins DROP COLUMN marking, DROP COLUMN score")
    op.execute("DROP TABLE guardianships")
