"""intake"""

revision = "catalog_0007"
down_revision = "catalog_0006"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
