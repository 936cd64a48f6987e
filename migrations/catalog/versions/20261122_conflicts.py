"""conflicts of interest are declared and lifted by administrators too, and kept; attachments of
timelines are found by their upload"""

from alembic import op

revision = "catalog_0010"
down_revision = "catalog_0009"

_UP = """
ALTER TABLE review_conflicts ADD COLUMN id UUID;
ALTER TABLE review_conflicts ADD COLUMN path LTREE;
ALTER TABLE review_conflicts ADD COLUMN words TEXT;
ALTER TABLE review_conflicts ADD COLUMN lifted_words TEXT;
ALTER TABLE review_conflicts ADD COLUMN lifted_by TEXT;
ALTER TABLE review_conflicts ADD COLUMN lifted_at TIMESTAMP WITH TIME ZONE;
UPDATE review_conflicts SET id = gen_random_uuid(), words = '';
ALTER TABLE review_conflicts DROP CONSTRAINT pk_review_conflicts;
ALTER TABLE review_conflicts ALTER COLUMN id SET NOT NULL;
ALTER TABLE review_conflicts ALTER COLUMN words SET NOT NULL;
ALTER TABLE review_conflicts ADD CONSTRAINT pk_review_conflicts PRIMARY KEY (id);
CREATE UNIQUE INDEX uq_review_conflicts_in_force ON review_conflicts (reviewer, maker, path) NULLS NOT DISTINCT WHERE lifted_at IS NULL;
COMMENT ON COLUMN review_conflicts.path IS 'of whose levels it is declared; null: by the reviewer, of all';
COMMENT ON TABLE review_conflicts IS 'in force until lifted; none is forgotten';
CREATE TABLE review_attachments (
    case_id UUID NOT NULL,
    upload_id UUID NOT NULL,
    filename TEXT NOT NULL,
    CONSTRAINT pk_review_attachments PRIMARY KEY (case_id, upload_id),
    CONSTRAINT fk_review_attachments_case_id FOREIGN KEY(case_id) REFERENCES review_cases (id),
    CONSTRAINT fk_review_attachments_upload_id FOREIGN KEY(upload_id) REFERENCES uploads (id)
);
CREATE INDEX ix_review_attachments_upload_id ON review_attachments (upload_id);
COMMENT ON TABLE review_attachments IS 'what comments of the timeline carry';
INSERT INTO review_attachments (case_id, upload_id, filename) SELECT e.case_id, (a.value ->> 'upload_id')::uuid, a.value ->> 'filename' FROM review_events e, jsonb_array_elements(e.data -> 'attachments') a WHERE e.kind = 'COMMENTED' ON CONFLICT DO NOTHING;
CREATE TRIGGER written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON review_attachments FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE INDEX ix_intake_rows_resource_id ON intake_rows (resource_id) WHERE resource_id IS NOT NULL
"""

_DOWN = """
DROP INDEX ix_intake_rows_resource_id;
DROP TABLE review_attachments;
DELETE FROM review_conflicts WHERE lifted_at IS NOT NULL OR path IS NOT NULL;
DROP INDEX uq_review_conflicts_in_force;
ALTER TABLE review_conflicts DROP CONSTRAINT pk_review_conflicts;
ALTER TABLE review_conflicts DROP COLUMN id, DROP COLUMN path, DROP COLUMN words, DROP COLUMN lifted_words, DROP COLUMN lifted_by, DROP COLUMN lifted_at;
ALTER TABLE review_conflicts ADD CONSTRAINT pk_review_conflicts PRIMARY KEY (reviewer, maker);
COMMENT ON TABLE review_conflicts IS NULL
"""


def upgrade() -> None:
    _run(_UP)


def downgrade() -> None:
    _run(_DOWN)


def _run(statements: str) -> None:
    for statement in statements.split(";\n"):
        op.execute(statement)
