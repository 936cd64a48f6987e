"""resources, their versions, fingerprints, and the copy of organisations"""

from alembic import op

revision = "catalog_0005"
down_revision = "catalog_0004"

_TABLES = """
CREATE TABLE fingerprints (
    sha256 BYTEA NOT NULL,
    grams INTEGER NOT NULL,
    signature BYTEA NOT NULL,
    CONSTRAINT pk_fingerprints PRIMARY KEY (sha256)
);
COMMENT ON COLUMN fingerprints.sha256 IS 'of the file whose text it is';
COMMENT ON COLUMN fingerprints.grams IS 'distinct runs of five characters';
CREATE TABLE organisations (
    label TEXT NOT NULL,
    path LTREE NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    CONSTRAINT pk_organisations PRIMARY KEY (label)
);
CREATE INDEX ix_organisations_path ON organisations USING gist (path);
COMMENT ON COLUMN organisations.label IS 'the last of its path, which never changes';
CREATE TABLE resources (
    id UUID NOT NULL,
    code TEXT NOT NULL,
    owner TEXT NOT NULL,
    organisation_path LTREE,
    state TEXT NOT NULL,
    live_version INTEGER,
    latest_version INTEGER NOT NULL,
    draft JSONB NOT NULL,
    title TEXT NOT NULL,
    stage TEXT,
    subject TEXT,
    grades TEXT[] NOT NULL,
    edition TEXT,
    types TEXT[] NOT NULL,
    licence TEXT,
    version INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_resources PRIMARY KEY (id),
    CONSTRAINT uq_resources_code UNIQUE (code)
);
CREATE INDEX ix_resources_live ON resources (id) WHERE live_version IS NOT NULL;
CREATE INDEX ix_resources_organisation_path ON resources USING gist (organisation_path);
CREATE INDEX ix_resources_owner ON resources (owner, id);
COMMENT ON COLUMN resources.owner IS 'subject of the token';
COMMENT ON COLUMN resources.live_version IS 'that everybody may read';
COMMENT ON COLUMN resources.draft IS 'metadata';
CREATE TABLE fingerprint_bands (
    band SMALLINT NOT NULL,
    key BIGINT NOT NULL,
    sha256 BYTEA NOT NULL,
    CONSTRAINT pk_fingerprint_bands PRIMARY KEY (band, key, sha256),
    CONSTRAINT fk_fingerprint_bands_sha256 FOREIGN KEY(sha256) REFERENCES fingerprints (sha256)
);
CREATE TABLE resource_files (
    resource_id UUID NOT NULL,
    position SMALLINT NOT NULL,
    upload_id UUID NOT NULL,
    sha256 BYTEA NOT NULL,
    role TEXT NOT NULL,
    filename TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size BIGINT NOT NULL,
    description TEXT,
    alt_text TEXT,
    language TEXT,
    CONSTRAINT pk_resource_files PRIMARY KEY (resource_id, position),
    CONSTRAINT fk_resource_files_resource_id FOREIGN KEY(resource_id) REFERENCES resources (id)
);
CREATE INDEX ix_resource_files_sha256 ON resource_files (sha256);
COMMENT ON COLUMN resource_files.position IS 'from 0';
CREATE TABLE resource_versions (
    resource_id UUID NOT NULL,
    number INTEGER NOT NULL,
    metadata JSONB NOT NULL,
    title TEXT NOT NULL,
    stage TEXT,
    subject TEXT,
    grades TEXT[] NOT NULL,
    edition TEXT,
    types TEXT[] NOT NULL,
    licence TEXT,
    digest BYTEA NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by TEXT NOT NULL,
    note TEXT NOT NULL,
    CONSTRAINT pk_resource_versions PRIMARY KEY (resource_id, number),
    CONSTRAINT fk_resource_versions_resource_id FOREIGN KEY(resource_id) REFERENCES resources (id)
);
COMMENT ON COLUMN resource_versions.number IS 'from 1';
COMMENT ON COLUMN resource_versions.digest IS 'SHA-256 of the canonical JSON';
CREATE TABLE resource_version_files (
    resource_id UUID NOT NULL,
    number INTEGER NOT NULL,
    position SMALLINT NOT NULL,
    upload_id UUID NOT NULL,
    sha256 BYTEA NOT NULL,
    role TEXT NOT NULL,
    filename TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size BIGINT NOT NULL,
    description TEXT,
    alt_text TEXT,
    language TEXT,
    CONSTRAINT pk_resource_version_files PRIMARY KEY (resource_id, number, position),
    CONSTRAINT fk_resource_version_files_resource_id FOREIGN KEY(resource_id, number) REFERENCES resource_versions (resource_id, number)
);
CREATE INDEX ix_resource_version_files_sha256 ON resource_version_files (sha256);
COMMENT ON COLUMN resource_version_files.position IS 'from 0';
"""

# What was pinned once stays as it was, whoever asks: rights are granted anew by each migration.
_REFUSE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are written once', TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$
"""
_WRITTEN_ONCE = ("resource_versions", "resource_version_files")


def upgrade() -> None:
    for statement in _TABLES.split(";"):
        if statement.strip():
            op.execute(statement)
    op.execute(_REFUSE)
    for name in _WRITTEN_ONCE:
        op.execute(
            f"CREATE TRIGGER written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON {name}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    for name in [
        "resource_version_files",
        "resource_versions",
        "resource_files",
        "fingerprint_bands",
        "resources",
        "organisations",
        "fingerprints",
    ]:
        op.execute(f"DROP TABLE {name}")
    op.execute("DROP FUNCTION refuse_change")
