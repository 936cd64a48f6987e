"""provider"""

revision = "identity_0003"
down_revision = "identity_0002"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
