"""uploads"""

revision = "catalog_0003"
down_revision = "catalog_0002"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
