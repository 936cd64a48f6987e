"""what of a day's quota is taken"""

from alembic import op

revision = "gateway_0002_keys"
down_revision = "gateway_0001"


def upgrade() -> None:
    op.execute(
        "CREATE TABLE quota_days ("
        " client_id TEXT NOT NULL, day DATE NOT NULL, taken BIGINT NOT NULL,"
        " granted BIGINT NOT NULL,"
        " CONSTRAINT pk_quota_days PRIMARY KEY (client_id, day))"
    )
    op.execute("COMMENT ON COLUMN quota_days.day IS 'in China'")
    op.execute("COMMENT ON COLUMN quota_days.taken IS 'requests leased to processes so far'")
    op.execute("COMMENT ON COLUMN quota_days.granted IS 'of these, the block leased last'")


def downgrade() -> None:
    op.execute("DROP TABLE quota_days")
