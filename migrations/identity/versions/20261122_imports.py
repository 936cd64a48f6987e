"""imports"""

revision = "identity_0005"
down_revision = "identity_0004"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
