"""the salt of what a registration commits to, events that are written once, who was erased"""

from alembic import op

revision = "copyright_0007"
down_revision = "copyright_0006"

# What another event of the public log takes the place of may go, until it is in the log itself.
_REFUSE = """
CREATE FUNCTION refuse_loss_of_logged() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM entry WHERE entry.dedup = OLD.dedup) THEN
        RAISE EXCEPTION 'rows of % stay once they are in the log', TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN OLD;
END $$
"""


def upgrade() -> None:
    op.execute("ALTER TABLE registrations ADD COLUMN details_salt BYTEA")
    op.execute(
        "COMMENT ON COLUMN registrations.details_salt IS 'of the commitment to details and files'"
    )
    op.execute(
        "CREATE TABLE forgotten_people ("
        " person_sha256 BYTEA NOT NULL,"
        " CONSTRAINT pk_forgotten_people PRIMARY KEY (person_sha256))"
    )
    op.execute(
        "COMMENT ON TABLE forgotten_people IS 'who was erased: nothing is kept of them anew'"
    )
    op.execute(
        "CREATE TRIGGER written_once BEFORE UPDATE OR TRUNCATE ON registration_events"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(_REFUSE)
    op.execute(
        "CREATE TRIGGER logged_for_good BEFORE DELETE ON registration_events"
        " FOR EACH ROW EXECUTE FUNCTION refuse_loss_of_logged()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER logged_for_good ON registration_events")
    op.execute("DROP FUNCTION refuse_loss_of_logged")
    op.execute("DROP TRIGGER written_once ON registration_events")
    op.execute("DROP TABLE forgotten_people")
    op.execute("ALTER TABLE registrations DROP COLUMN details_salt")
