"""vocabularies"""

revision = "catalog_0002"
down_revision = "catalog_0001"


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
