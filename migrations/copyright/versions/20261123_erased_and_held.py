"""the right to write anew what people were erased from, and versions that wait for a dispute"""

from alembic import op

revision = "copyright_0008"
down_revision = "copyright_0007"

_REWRITTEN = "parties, texts, agreements"


def upgrade() -> None:
    op.execute("ALTER TABLE forgotten_people ADD COLUMN destroyed BOOLEAN NOT NULL DEFAULT false")
    op.execute(
        "COMMENT ON COLUMN forgotten_people.destroyed IS"
        " 'the files of PostgreSQL have nothing more of them'"
    )
    op.execute(f"GRANT TRUNCATE ON {_REWRITTEN} TO copyright")
    op.execute(
        "CREATE TABLE held_versions ("
        " resource_id UUID NOT NULL,"
        " version BIGINT NOT NULL,"
        " published_at TIMESTAMP WITH TIME ZONE NOT NULL,"
        " told JSONB NOT NULL,"
        " CONSTRAINT pk_held_versions PRIMARY KEY (resource_id, version))"
    )
    op.execute(
        "COMMENT ON TABLE held_versions IS"
        " 'published while the registration was contested: registered once it no longer is'"
    )
    op.execute("COMMENT ON COLUMN held_versions.told IS 'by the catalogue'")


def downgrade() -> None:
    op.execute("DROP TABLE held_versions")
    op.execute(f"REVOKE TRUNCATE ON {_REWRITTEN} FROM copyright")
    op.execute("ALTER TABLE forgotten_people DROP COLUMN destroyed")
