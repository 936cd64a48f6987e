"""the tables of the house"""

from migrations import house

revision = "gateway_0001"
down_revision = None


def upgrade() -> None:
    house.create()


def downgrade() -> None:
    house.drop()
