"""a revocation commits in time, or not at all"""

from alembic import op

revision = "identity_0006"
down_revision = "identity_0005"


def upgrade() -> None:
    op.execute(
        "ALTER TABLE revocations ADD COLUMN written_at TIMESTAMP WITH TIME ZONE NOT NULL"
        " DEFAULT clock_timestamp()"
    )
    op.execute(
        "COMMENT ON COLUMN revocations.written_at IS"
        " 'before lies three seconds later: the transaction ends sooner'"
    )
    op.execute(
        """
        CREATE FUNCTION revocation_in_time() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF clock_timestamp() > NEW.written_at + interval '2 seconds' THEN
                RAISE EXCEPTION 'tokens may have been issued that this revocation misses'
                    USING ERRCODE = 'serialization_failure';
            END IF;
            RETURN NULL;
        END
        $$
        """
    )
    op.execute(
        "CREATE CONSTRAINT TRIGGER revocation_in_time AFTER INSERT ON revocations"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION revocation_in_time()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER revocation_in_time ON revocations")
    op.execute("DROP FUNCTION revocation_in_time")
    op.execute("ALTER TABLE revocations DROP COLUMN written_at")
