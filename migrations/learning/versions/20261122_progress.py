"""mastery, growth archives, erasure"""

from alembic import op

revision = "learning_0005"
down_revision = "learning_0004"

_TABLES = """
CREATE TABLE mastery (
    actor_id UUID NOT NULL,
    point UUID NOT NULL,
    last_at TIMESTAMP WITH TIME ZONE NOT NULL,
    tries BIGINT NOT NULL,
    score BIGINT NOT NULL,
    weighed_tries NUMERIC NOT NULL,
    weighed_score NUMERIC NOT NULL,
    CONSTRAINT pk_mastery PRIMARY KEY (actor_id, point)
)
 WITH (fillfactor = 80);
COMMENT ON COLUMN mastery.point IS 'key of a knowledge point''s address';
COMMENT ON COLUMN mastery.score IS 'in thousandths';
COMMENT ON COLUMN mastery.weighed_tries IS 'whole, twice as much every 30 days';
COMMENT ON COLUMN mastery.weighed_score IS 'likewise';
CREATE TABLE archive_entries (
    id UUID NOT NULL,
    person TEXT NOT NULL,
    kind TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    day DATE NOT NULL,
    organisation_id UUID NOT NULL,
    author TEXT,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_archive_entries PRIMARY KEY (id)
);
CREATE INDEX ix_archive_entries_author ON archive_entries (author);
CREATE INDEX ix_archive_entries_person ON archive_entries (person, id);
COMMENT ON COLUMN archive_entries.kind IS 'AWARD or REMARK';
COMMENT ON COLUMN archive_entries.sealed IS 'title and text';
COMMENT ON COLUMN archive_entries.day IS 'in China';
COMMENT ON COLUMN archive_entries.author IS 'null: erased';
CREATE TABLE archive_snapshots (
    person TEXT NOT NULL,
    term TEXT NOT NULL,
    taken_at TIMESTAMP WITH TIME ZONE NOT NULL,
    content JSONB NOT NULL,
    CONSTRAINT pk_archive_snapshots PRIMARY KEY (person, term)
);
ALTER TABLE actors ADD COLUMN erased_at TIMESTAMP WITH TIME ZONE;
CREATE INDEX ix_actors_erased ON actors (id) WHERE erased_at IS NOT NULL;
COMMENT ON COLUMN actors.erased_at IS 'nothing of this person is kept or taken';
CREATE INDEX ix_documents_actor_id ON documents (actor_id);
"""

# As before; but what was set aside may still be erased.
_RETIRE = """
CREATE OR REPLACE FUNCTION retire_day(day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    rows regclass := to_regclass(format('statements_%s', to_char(day, 'YYYYMMDD')));
    raw regclass := to_regclass(format('blobs_%s', to_char(day - 2, 'YYYYMMDD')));
BEGIN
    PERFORM pg_advisory_xact_lock(7101);
    IF EXISTS (SELECT FROM pg_inherits WHERE inhrelid = raw) THEN
        EXECUTE format('ALTER TABLE blobs DETACH PARTITION %s', raw);
        EXECUTE format('GRANT SELECT{more} ON %s TO learning', raw);
    END IF;
    IF NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = rows) THEN
        RETURN false;
    END IF;
    EXECUTE format('INSERT INTO ledger (statement_id, id, digest)'
        ' SELECT id, id, digest FROM %s ON CONFLICT DO NOTHING', rows);
    EXECUTE format('ALTER TABLE statements DETACH PARTITION %s', rows);
    EXECUTE format('GRANT SELECT{more} ON %s TO learning', rows);
    RETURN true;
END
$$
"""


def upgrade() -> None:
    for statement in _TABLES.split(";"):
        if statement.strip():
            op.execute(statement)
    op.execute(_RETIRE.replace("{more}", ", UPDATE, DELETE"))


def downgrade() -> None:
    op.execute(_RETIRE.replace("{more}", ""))
    op.execute("DROP INDEX ix_documents_actor_id")
    op.execute("DROP INDEX ix_actors_erased")
    op.execute("ALTER TABLE actors DROP COLUMN erased_at")
    for name in ["archive_snapshots", "archive_entries", "mastery"]:
        op.execute(f"DROP TABLE {name}")
