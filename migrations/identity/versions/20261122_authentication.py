"""authentication"""

revision = "identity_0004"
down_revision = "identity_0003"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
