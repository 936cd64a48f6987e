"""resources"""

revision = "catalog_0005"
down_revision = "catalog_0004"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
