"""people consent to the platform's own components too, at devices and elsewhere"""

from alembic import op

revision = "identity_0014"
down_revision = "identity_0013"

_TABLES = ("client_consents", "device_codes")


def upgrade() -> None:
    for table in _TABLES:
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT fk_{table}_client_id")
        op.execute(f"COMMENT ON COLUMN {table}.client_id IS 'a component stands in no register'")


def downgrade() -> None:
    for table in _TABLES:
        op.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT fk_{table}_client_id"
            " FOREIGN KEY (client_id) REFERENCES clients (id) NOT VALID"
        )
        op.execute(f"COMMENT ON COLUMN {table}.client_id IS NULL")
