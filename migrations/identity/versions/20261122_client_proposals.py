"""what the owner of an approved application proposes to say of it"""

from alembic import op

revision = "identity_0013"
down_revision = "identity_0012"


def upgrade() -> None:
    op.execute("ALTER TABLE clients ADD COLUMN proposal JSONB")
    op.execute(
        "COMMENT ON COLUMN clients.proposal IS"
        " 'a description that waits for a decision, and by whom'"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE clients DROP COLUMN proposal")
