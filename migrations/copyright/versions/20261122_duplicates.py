"""what tells registered works that are alike"""

from alembic import op

revision = "copyright_0005"
down_revision = "copyright_0004"

_TABLES = """
CREATE TABLE file_codes (
    sha256 BYTEA NOT NULL,
    instance BYTEA,
    data BYTEA,
    CONSTRAINT pk_file_codes PRIMARY KEY (sha256)
);
CREATE INDEX ix_file_codes_instance ON file_codes (instance);
CREATE INDEX ix_file_codes_data ON file_codes (data);
COMMENT ON COLUMN file_codes.instance IS 'digests of ISCC units of 256 bits';
CREATE TABLE content_codes (
    sha256 BYTEA NOT NULL,
    kind TEXT NOT NULL,
    digest BIT(256) NOT NULL,
    CONSTRAINT pk_content_codes PRIMARY KEY (sha256)
);
COMMENT ON TABLE content_codes IS 'by itself: it is read as a whole';
COMMENT ON COLUMN content_codes.kind IS 'text, image, audio or video';
CREATE TABLE file_texts (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    sha256 BYTEA NOT NULL,
    letters INTEGER NOT NULL,
    every INTEGER NOT NULL,
    prints BYTEA NOT NULL,
    CONSTRAINT pk_file_texts PRIMARY KEY (id),
    CONSTRAINT uq_file_texts_sha256 UNIQUE (sha256)
);
COMMENT ON COLUMN file_texts.every IS 'which of the text''s prints are kept';
COMMENT ON COLUMN file_texts.prints IS 'hash and place, as 32-bit numbers';
CREATE TABLE text_prints (
    hash BIGINT NOT NULL,
    text_id BIGINT NOT NULL,
    CONSTRAINT pk_text_prints PRIMARY KEY (hash, text_id)
);
COMMENT ON TABLE text_prints IS 'the least of each text, by which it is found';
CREATE TABLE possible_matches (
    reg_id UUID NOT NULL,
    other_id UUID NOT NULL,
    path TEXT NOT NULL,
    tier TEXT NOT NULL,
    distance INTEGER,
    share DOUBLE PRECISION,
    found_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_possible_matches PRIMARY KEY (reg_id, other_id)
);
COMMENT ON TABLE possible_matches IS 'for somebody to look at: nothing follows by itself';
COMMENT ON COLUMN possible_matches.path IS 'of the other''s file';
COMMENT ON COLUMN possible_matches.distance IS 'of Content-Codes, in bits';
COMMENT ON COLUMN possible_matches.share IS 'of the shorter text in the longer';
ALTER TABLE registered_files ADD COLUMN compared BOOLEAN DEFAULT false NOT NULL;
CREATE INDEX ix_registered_files_uncompared ON registered_files (reg_id) WHERE NOT compared;
COMMENT ON COLUMN registered_files.compared IS 'with the files of others'
"""


def upgrade() -> None:
    for statement in _TABLES.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    op.execute("ALTER TABLE registered_files DROP COLUMN compared")
    for name in ("possible_matches", "text_prints", "file_texts", "content_codes", "file_codes"):
        op.execute(f"DROP TABLE {name}")
