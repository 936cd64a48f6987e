"""collections and their items"""

from alembic import op

revision = "catalog_0006"
down_revision = "catalog_0005"

_TABLES = """
CREATE TABLE collections (
    id UUID NOT NULL,
    code TEXT NOT NULL,
    owner TEXT NOT NULL,
    organisation_path LTREE,
    state TEXT NOT NULL,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    items SMALLINT NOT NULL,
    derived_from_collection UUID,
    derived_from_version INTEGER,
    version INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_collections PRIMARY KEY (id),
    CONSTRAINT uq_collections_code UNIQUE (code)
);
CREATE INDEX ix_collections_organisation_path ON collections USING gist (organisation_path);
CREATE INDEX ix_collections_owner ON collections (owner, id);
COMMENT ON COLUMN collections.owner IS 'subject of the token';
COMMENT ON COLUMN collections.items IS 'how many';
CREATE TABLE collection_items (
    collection_id UUID NOT NULL,
    position SMALLINT NOT NULL,
    resource_id UUID NOT NULL,
    number INTEGER,
    note TEXT,
    CONSTRAINT pk_collection_items PRIMARY KEY (collection_id, position),
    CONSTRAINT fk_collection_items_collection_id FOREIGN KEY(collection_id) REFERENCES collections (id)
);
COMMENT ON COLUMN collection_items.position IS 'from 0';
COMMENT ON COLUMN collection_items.number IS 'version it is pinned to, null where it follows the resource';
"""


def upgrade() -> None:
    for statement in _TABLES.split(";"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    for name in ["collection_items", "collections"]:
        op.execute(f"DROP TABLE {name}")
