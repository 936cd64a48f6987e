"""what whoever issued an invitation was authorised to"""

from alembic import op

revision = "identity_0008"
down_revision = "identity_0007"


def upgrade() -> None:
    op.execute("ALTER TABLE invitations ADD COLUMN authority text[] NOT NULL DEFAULT '{}'")
    op.execute("COMMENT ON COLUMN invitations.authority IS 'of the issuer'")


def downgrade() -> None:
    op.execute("ALTER TABLE invitations DROP COLUMN authority")
