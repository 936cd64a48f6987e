"""from where an application may use its keys"""

from alembic import op

revision = "identity_0009"
down_revision = "identity_0008"


def upgrade() -> None:
    op.execute("ALTER TABLE clients ADD COLUMN networks TEXT[] NOT NULL DEFAULT '{}'")
    op.execute("COMMENT ON COLUMN clients.networks IS 'CIDR it calls from; none: from anywhere'")


def downgrade() -> None:
    op.execute("ALTER TABLE clients DROP COLUMN networks")
