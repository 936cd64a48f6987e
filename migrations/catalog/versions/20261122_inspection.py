"""inspection"""

revision = "catalog_0004"
down_revision = "catalog_0003"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
