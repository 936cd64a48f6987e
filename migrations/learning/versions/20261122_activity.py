"""activity"""

from alembic import op

revision = "learning_0002"
down_revision = "learning_0001"

_TABLES = """
CREATE TABLE applications (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    username TEXT NOT NULL,
    secret_hash BYTEA,
    name TEXT NOT NULL,
    organisation_path LTREE NOT NULL,
    scopes TEXT[] NOT NULL,
    class TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_applications PRIMARY KEY (id),
    CONSTRAINT uq_applications_username UNIQUE (username)
);
CREATE INDEX ix_applications_organisation_path ON applications USING gist (organisation_path);
COMMENT ON COLUMN applications.username IS 'or the id of an OAuth client';
COMMENT ON COLUMN applications.secret_hash IS 'SHA-256 of 256 random bits, none for OAuth';
COMMENT ON COLUMN applications.class IS 'whose requests wait for whose';
CREATE TABLE actors (
    id UUID NOT NULL,
    identifier_hash BYTEA NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_actors PRIMARY KEY (id),
    CONSTRAINT uq_actors_identifier_hash UNIQUE (identifier_hash)
);
COMMENT ON COLUMN actors.id IS 'the pseudonym: says nothing about anyone';
COMMENT ON COLUMN actors.identifier_hash IS 'keyed';
CREATE TABLE personas (
    id UUID NOT NULL,
    actor_id UUID NOT NULL,
    digest BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    CONSTRAINT pk_personas PRIMARY KEY (id),
    CONSTRAINT uq_personas_digest UNIQUE (digest)
);
CREATE INDEX ix_personas_actor_id ON personas (actor_id);
COMMENT ON COLUMN personas.digest IS 'keyed, of the agent';
COMMENT ON COLUMN personas.sealed IS 'the agent as it was sent';
CREATE TABLE documents (
    organisation_path LTREE NOT NULL,
    kind TEXT NOT NULL,
    activity UUID NOT NULL,
    actor_id UUID NOT NULL,
    registration UUID NOT NULL,
    name TEXT NOT NULL,
    content_type TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    etag TEXT NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_documents PRIMARY KEY (organisation_path, kind, activity, actor_id, registration, name)
);
COMMENT ON COLUMN documents.kind IS 'state, activity profile or agent profile';
COMMENT ON COLUMN documents.activity IS 'nil for an agent profile';
COMMENT ON COLUMN documents.actor_id IS 'nil for an activity profile';
COMMENT ON COLUMN documents.registration IS 'nil without one';
COMMENT ON COLUMN documents.name IS 'stateId or profileId';
COMMENT ON COLUMN documents.etag IS 'SHA-1 of the content, in hexadecimal';
CREATE TABLE statements (
    id UUID NOT NULL,
    stored TIMESTAMP WITH TIME ZONE NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    application_id INTEGER NOT NULL,
    actor_id UUID NOT NULL,
    verb UUID NOT NULL,
    object UUID NOT NULL,
    about SMALLINT NOT NULL,
    registration UUID,
    related UUID[],
    scaled DOUBLE PRECISION,
    progress SMALLINT,
    completed BOOLEAN NOT NULL,
    passed BOOLEAN,
    duration_ms BIGINT,
    voided BOOLEAN NOT NULL,
    digest BYTEA NOT NULL,
    blob_id UUID NOT NULL,
    line SMALLINT NOT NULL,
    CONSTRAINT pk_statements PRIMARY KEY (id)
)
 PARTITION BY RANGE (id);
CREATE INDEX ix_statements_actor_id ON statements (actor_id, stored);
CREATE INDEX ix_statements_object ON statements (object, stored);
CREATE INDEX ix_statements_references ON statements (stored) WHERE about = 2;
CREATE INDEX ix_statements_related ON statements USING gin (related) WHERE related IS NOT NULL;
CREATE INDEX ix_statements_stored ON statements (stored, id);
COMMENT ON COLUMN statements.id IS 'the statement''s own, if it may name a day';
COMMENT ON COLUMN statements.at IS 'the timestamp, or when it was stored';
COMMENT ON COLUMN statements.verb IS 'key of its IRI';
COMMENT ON COLUMN statements.object IS 'activity key, actor or statement id';
COMMENT ON COLUMN statements.about IS 'which of these: 0, 1, 2, or 3 neither';
COMMENT ON COLUMN statements.related IS 'other activities and actors that it names';
COMMENT ON COLUMN statements.progress IS 'per cent';
COMMENT ON COLUMN statements.digest IS 'of what makes it another one';
COMMENT ON COLUMN statements.line IS 'of the blob, from 0';
CREATE TABLE blobs (
    id UUID NOT NULL,
    content BYTEA NOT NULL,
    CONSTRAINT pk_blobs PRIMARY KEY (id)
)
 PARTITION BY RANGE (id);
COMMENT ON COLUMN blobs.content IS 'zlib: one statement a line';
CREATE TABLE ledger (
    statement_id UUID NOT NULL,
    id UUID NOT NULL,
    digest BYTEA NOT NULL,
    CONSTRAINT pk_ledger PRIMARY KEY (statement_id)
);
COMMENT ON COLUMN ledger.statement_id IS 'one that names no day of ours';
COMMENT ON COLUMN ledger.id IS 'of its row';
CREATE TABLE pending_voids (
    statement_id UUID NOT NULL,
    application_id INTEGER NOT NULL,
    CONSTRAINT pk_pending_voids PRIMARY KEY (statement_id, application_id)
);
COMMENT ON COLUMN pending_voids.statement_id IS 'not yet here';
COMMENT ON COLUMN pending_voids.application_id IS 'that voids it';
CREATE TABLE attachments (
    sha2 TEXT NOT NULL,
    content_type TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    stored TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_attachments PRIMARY KEY (sha2)
);
CREATE TABLE activities (
    key UUID NOT NULL,
    iri TEXT NOT NULL,
    definition JSONB NOT NULL,
    CONSTRAINT pk_activities PRIMARY KEY (key)
);
CREATE TABLE progress (
    actor_id UUID NOT NULL,
    activity UUID NOT NULL,
    first_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_at TIMESTAMP WITH TIME ZONE NOT NULL,
    statements BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    progress SMALLINT,
    best_scaled DOUBLE PRECISION,
    completed BOOLEAN NOT NULL,
    passed BOOLEAN NOT NULL,
    CONSTRAINT pk_progress PRIMARY KEY (actor_id, activity)
)
 WITH (fillfactor = 80);
COMMENT ON COLUMN progress.progress IS 'per cent';
CREATE TABLE activity_days (
    activity UUID NOT NULL,
    day DATE NOT NULL,
    statements BIGINT NOT NULL,
    completions BIGINT NOT NULL,
    passes BIGINT NOT NULL,
    CONSTRAINT pk_activity_days PRIMARY KEY (activity, day)
)
 WITH (fillfactor = 80);
COMMENT ON COLUMN activity_days.day IS 'in China';
"""

_FIRST_ID = """
CREATE FUNCTION first_id_of(day date) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
    SELECT (lpad(to_hex(86400000::bigint * (day - date '1970-01-01')), 12, '0')
        || repeat('0', 20))::uuid
$$
"""

# As `merged_definition` of services/learning/domain/xapi/contents.py.
_MERGED = """
CREATE FUNCTION merged_definition(known jsonb, new jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
    SELECT known || new || coalesce((
        SELECT jsonb_object_agg(name, (known -> name) || (new -> name))
        FROM unnest(ARRAY['name', 'description', 'extensions']) AS name
        WHERE known ? name AND new ? name), '{}')
$$
"""
# The service owns no table: these two, which run as their owner, are all it may make or take away.
_MAKE = """
CREATE FUNCTION make_day(day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    parent text;
    partition text;
BEGIN
    PERFORM pg_advisory_xact_lock(7101);
    FOREACH parent IN ARRAY ARRAY['statements', 'blobs'] LOOP
        partition := format('%s_%s', parent, to_char(day, 'YYYYMMDD'));
        CONTINUE WHEN to_regclass(partition) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', partition, parent);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
            parent, partition, first_id_of(day), first_id_of(day + 1));
    END LOOP;
    RETURN FOUND;
END
$$
"""
# A retired day keeps its tables, for whoever archives them. Its ids stay known, so that a late
# repeat is still recognised. Blobs may hold statements of two days later.
_RETIRE = """
CREATE FUNCTION retire_day(day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    rows regclass := to_regclass(format('statements_%s', to_char(day, 'YYYYMMDD')));
    raw regclass := to_regclass(format('blobs_%s', to_char(day - 2, 'YYYYMMDD')));
BEGIN
    PERFORM pg_advisory_xact_lock(7101);
    IF EXISTS (SELECT FROM pg_inherits WHERE inhrelid = raw) THEN
        EXECUTE format('ALTER TABLE blobs DETACH PARTITION %s', raw);
        EXECUTE format('GRANT SELECT ON %s TO learning', raw);
    END IF;
    IF NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = rows) THEN
        RETURN false;
    END IF;
    EXECUTE format('INSERT INTO ledger (statement_id, id, digest)'
        ' SELECT id, id, digest FROM %s ON CONFLICT DO NOTHING', rows);
    EXECUTE format('ALTER TABLE statements DETACH PARTITION %s', rows);
    EXECUTE format('GRANT SELECT ON %s TO learning', rows);
    RETURN true;
END
$$
"""


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS ltree")
    for statement in _TABLES.split(";"):
        if statement.strip():
            op.execute(statement)
    for function in (_FIRST_ID, _MERGED, _MAKE, _RETIRE):
        op.execute(function)
    for name in ("make_day(date)", "retire_day(date)"):
        op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO learning")


def downgrade() -> None:
    for name in ["retire_day", "make_day", "merged_definition", "first_id_of"]:
        op.execute(f"DROP FUNCTION {name}")
    for name in [
        "activity_days",
        "progress",
        "activities",
        "attachments",
        "pending_voids",
        "ledger",
        "blobs",
        "statements",
        "documents",
        "personas",
        "actors",
        "applications",
    ]:
        op.execute(f"DROP TABLE {name}")
