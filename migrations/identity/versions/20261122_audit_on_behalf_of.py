"""audit entries by whom somebody acted for"""

from alembic import op

revision = "identity_0007"
down_revision = "identity_0006"


def upgrade() -> None:
    op.execute(
        "CREATE INDEX ix_audit_on_behalf_of ON audit (on_behalf_of, id)"
        " WHERE on_behalf_of IS NOT NULL"
    )


def downgrade() -> None:
    op.execute("DROP INDEX ix_audit_on_behalf_of")
