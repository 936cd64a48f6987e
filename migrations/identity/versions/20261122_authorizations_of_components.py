"""people authorize the platform's own components too, which no register holds"""

from alembic import op

revision = "identity_0010"
down_revision = "identity_0009"


def upgrade() -> None:
    op.execute("ALTER TABLE authorizations DROP CONSTRAINT fk_authorizations_client_id")
    op.execute("COMMENT ON COLUMN authorizations.client_id IS 'a component stands in no register'")


def downgrade() -> None:
    op.execute(
        "ALTER TABLE authorizations ADD CONSTRAINT fk_authorizations_client_id"
        " FOREIGN KEY (client_id) REFERENCES clients (id) NOT VALID"
    )
    op.execute("COMMENT ON COLUMN authorizations.client_id IS NULL")
