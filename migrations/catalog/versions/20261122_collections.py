"""collections"""

revision = "catalog_0006"
down_revision = "catalog_0005"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
