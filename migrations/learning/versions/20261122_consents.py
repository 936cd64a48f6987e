"""the text of each purpose that is in force, at a glance"""

from alembic import op

revision = "learning_0006"
down_revision = "learning_0005"


def upgrade() -> None:
    op.execute("CREATE INDEX ix_consents_purpose ON consents (purpose, purpose_version)")


def downgrade() -> None:
    op.execute("DROP INDEX ix_consents_purpose")
