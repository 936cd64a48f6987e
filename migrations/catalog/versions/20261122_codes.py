"""what tells files that are alike: ISCC units, and prints of their texts"""

from alembic import op

revision = "catalog_0012"
down_revision = "catalog_0011"

_TABLES = """
CREATE TABLE file_codes (
    sha256 BYTEA NOT NULL,
    instance TEXT NOT NULL,
    data TEXT NOT NULL,
    content TEXT,
    letters INTEGER,
    every INTEGER,
    prints BYTEA,
    CONSTRAINT pk_file_codes PRIMARY KEY (sha256)
);
COMMENT ON COLUMN file_codes.instance IS 'ISCC units (ISO 24138) of 256 bits';
COMMENT ON COLUMN file_codes.content IS 'null: its format has none';
COMMENT ON COLUMN file_codes.letters IS 'of its text; null without one';
COMMENT ON COLUMN file_codes.every IS 'which of the text''s prints are kept';
COMMENT ON COLUMN file_codes.prints IS 'hash and place of each, as 32-bit numbers';
"""


def upgrade() -> None:
    for statement in _TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE file_codes")
