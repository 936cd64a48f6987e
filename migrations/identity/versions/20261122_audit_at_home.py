"""what is audited of a person without a place stands where the person belongs"""

from alembic import op

revision = "identity_0012"
down_revision = "identity_0011"


def upgrade() -> None:
    # In the database: a sign-in writes its session and this entry in one statement. What holds now
    # comes first, and of that what began first, as for what is audited with a place; of the rest
    # what ends last, and what never began after everything.
    op.execute(
        """
        CREATE FUNCTION audited_at_home() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            who text := coalesce(NEW.facts ->> 'person', NEW.target);
            today date := (NEW.at AT TIME ZONE 'Asia/Shanghai')::date;
        BEGIN
            IF who !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
                RETURN NEW;
            END IF;
            NEW.organisation := coalesce(
                (SELECT ltree2text(o.path)
                FROM memberships m JOIN organisations o ON o.id = m.organisation_id
                WHERE m.person_id = who::uuid AND m.valid_from <= today
                AND (m.valid_until IS NULL OR m.valid_until > today)
                ORDER BY m.valid_from, m.id LIMIT 1),
                (SELECT ltree2text(o.path)
                FROM role_grants g JOIN organisations o ON o.id = g.organisation_id
                WHERE g.person_id = who::uuid AND g.valid_from <= NEW.at
                AND (g.valid_until IS NULL OR g.valid_until > NEW.at)
                ORDER BY g.valid_from, g.id LIMIT 1),
                (SELECT ltree2text(o.path)
                FROM memberships m JOIN organisations o ON o.id = m.organisation_id
                WHERE m.person_id = who::uuid
                ORDER BY m.valid_until IS NOT DISTINCT FROM m.valid_from, m.valid_until DESC, m.id
                LIMIT 1),
                (SELECT ltree2text(o.path)
                FROM role_grants g JOIN organisations o ON o.id = g.organisation_id
                WHERE g.person_id = who::uuid
                ORDER BY g.valid_until IS NOT DISTINCT FROM g.valid_from, g.valid_until DESC, g.id
                LIMIT 1)
            );
            RETURN NEW;
        END
        $$
        """
    )
    op.execute(
        "CREATE TRIGGER audited_at_home BEFORE INSERT ON audit FOR EACH ROW"
        " WHEN (NEW.organisation IS NULL) EXECUTE FUNCTION audited_at_home()"
    )
    op.execute(
        "CREATE INDEX ix_audit_person ON audit ((facts ->> 'person'), id)"
        " WHERE (facts ->> 'person') IS NOT NULL"
    )


def downgrade() -> None:
    op.execute("DROP INDEX ix_audit_person")
    op.execute("DROP TRIGGER audited_at_home ON audit")
    op.execute("DROP FUNCTION audited_at_home")
