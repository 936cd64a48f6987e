"""notices say which organisation decided"""

from alembic import op

revision = "catalog_0011"
down_revision = "catalog_0010"


def upgrade() -> None:
    op.execute("ALTER TABLE notices ADD COLUMN authority LTREE")
    op.execute(
        "COMMENT ON COLUMN notices.authority IS"
        " 'path of the organisation that decided; null: the owner did'"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE notices DROP COLUMN authority")
