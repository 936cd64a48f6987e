"""what an organisation keeps of activities stands under its label, and stays when it moves"""

from alembic import op

revision = "learning_0009"
down_revision = "learning_0008"

_STATEMENTS = """
ALTER TABLE documents ADD COLUMN sealed_under TEXT;
COMMENT ON COLUMN documents.organisation_path IS
    'label of an organisation, or what stands for an application';
COMMENT ON COLUMN documents.sealed_under IS 'in whose place; null: organisation_path';
UPDATE documents d
SET sealed_under = organisation_path::text, organisation_path = subpath(organisation_path, -1)
WHERE nlevel(organisation_path) > 1 AND NOT EXISTS (
    SELECT FROM documents newer
    WHERE subpath(newer.organisation_path, -1) = subpath(d.organisation_path, -1)
        AND (newer.kind, newer.activity, newer.actor_id, newer.registration, newer.name)
            = (d.kind, d.activity, d.actor_id, d.registration, d.name)
        AND (newer.updated_at, newer.organisation_path) > (d.updated_at, d.organisation_path)
);
COMMENT ON COLUMN hand_ins.marking IS
    'sealed: how it was judged before the next, and whether the pupil was told';
COMMENT ON COLUMN hand_ins.score IS 'by that'
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    op.execute(
        "UPDATE documents SET organisation_path = sealed_under::ltree"
        " WHERE sealed_under IS NOT NULL"
    )
    op.execute("ALTER TABLE documents DROP COLUMN sealed_under")
