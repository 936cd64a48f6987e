"""what a provisioning client says its people are"""

from alembic import op

revision = "identity_0011"
down_revision = "identity_0010"


def upgrade() -> None:
    op.execute("ALTER TABLE scim_accounts ADD COLUMN user_type TEXT")
    op.execute(
        "COMMENT ON COLUMN scim_accounts.user_type IS 'what the client says the person is there'"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE scim_accounts DROP COLUMN user_type")
