"""homework"""

from alembic import op

revision = "learning_0004"
down_revision = "learning_0003"

_TABLES = """
CREATE TABLE assignments (
    id UUID NOT NULL,
    owner TEXT,
    organisation_path LTREE NOT NULL,
    state TEXT NOT NULL,
    title TEXT NOT NULL,
    instructions TEXT NOT NULL,
    subject TEXT NOT NULL,
    minutes SMALLINT NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    late_until TIMESTAMP WITH TIME ZONE,
    late_deduction SMALLINT NOT NULL,
    attempts SMALLINT NOT NULL,
    items JSONB NOT NULL,
    version INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    assigned_at TIMESTAMP WITH TIME ZONE,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_assignments PRIMARY KEY (id)
);
CREATE INDEX ix_assignments_organisation_path ON assignments USING gist (organisation_path);
CREATE INDEX ix_assignments_owner ON assignments (owner, id);
COMMENT ON COLUMN assignments.owner IS 'null: erased';
COMMENT ON COLUMN assignments.subject IS 'code of a school subject';
COMMENT ON COLUMN assignments.minutes IS 'that it should take';
COMMENT ON COLUMN assignments.due_at IS 'the last instant in time';
COMMENT ON COLUMN assignments.late_until IS 'null: nothing is taken in late';
COMMENT ON COLUMN assignments.late_deduction IS 'per cent';
CREATE TABLE assignment_classes (
    assignment_id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    CONSTRAINT pk_assignment_classes PRIMARY KEY (assignment_id, organisation_id),
    CONSTRAINT fk_assignment_classes_assignment_id FOREIGN KEY(assignment_id) REFERENCES assignments (id)
);
CREATE INDEX ix_assignment_classes_organisation_id ON assignment_classes (organisation_id);
COMMENT ON COLUMN assignment_classes.organisation_id IS 'of a class';
CREATE TABLE submissions (
    id UUID NOT NULL,
    assignment_id UUID NOT NULL,
    person TEXT NOT NULL,
    class_id UUID NOT NULL,
    state TEXT NOT NULL,
    attempt SMALLINT NOT NULL,
    late BOOLEAN NOT NULL,
    handed_in_at TIMESTAMP WITH TIME ZONE NOT NULL,
    marking BYTEA,
    score DOUBLE PRECISION,
    marked_by TEXT,
    again_until TIMESTAMP WITH TIME ZONE,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_submissions PRIMARY KEY (id),
    CONSTRAINT uq_submissions_assignment_id UNIQUE (assignment_id, person),
    CONSTRAINT fk_submissions_assignment_id FOREIGN KEY(assignment_id) REFERENCES assignments (id)
);
CREATE INDEX ix_submissions_marked_by ON submissions (marked_by) WHERE marked_by IS NOT NULL;
CREATE INDEX ix_submissions_person ON submissions (person, id);
COMMENT ON COLUMN submissions.class_id IS 'in which it was handed in';
COMMENT ON COLUMN submissions.attempt IS 'the last one';
COMMENT ON COLUMN submissions.marking IS 'sealed: marks by item, feedback';
COMMENT ON COLUMN submissions.score IS 'null until every item has a mark';
CREATE TABLE hand_ins (
    submission_id UUID NOT NULL,
    attempt SMALLINT NOT NULL,
    late BOOLEAN NOT NULL,
    handed_in_at TIMESTAMP WITH TIME ZONE NOT NULL,
    answers BYTEA NOT NULL,
    CONSTRAINT pk_hand_ins PRIMARY KEY (submission_id, attempt),
    CONSTRAINT fk_hand_ins_submission_id FOREIGN KEY(submission_id) REFERENCES submissions (id)
);
COMMENT ON COLUMN hand_ins.attempt IS 'from 1';
COMMENT ON COLUMN hand_ins.answers IS 'sealed';
CREATE TABLE homework_files (
    id UUID NOT NULL,
    assignment_id UUID NOT NULL,
    person TEXT NOT NULL,
    item SMALLINT NOT NULL,
    name TEXT NOT NULL,
    length BIGINT NOT NULL,
    sha256 BYTEA NOT NULL,
    submission_id UUID,
    announced_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_homework_files PRIMARY KEY (id),
    CONSTRAINT fk_homework_files_assignment_id FOREIGN KEY(assignment_id) REFERENCES assignments (id),
    CONSTRAINT fk_homework_files_submission_id FOREIGN KEY(submission_id) REFERENCES submissions (id)
);
CREATE INDEX ix_homework_files_announced_at ON homework_files (announced_at) WHERE submission_id IS NULL;
CREATE INDEX ix_homework_files_assignment_id ON homework_files (assignment_id, person);
CREATE INDEX ix_homework_files_person ON homework_files (person);
CREATE INDEX ix_homework_files_submission_id ON homework_files (submission_id);
COMMENT ON COLUMN homework_files.item IS 'place, from 0';
COMMENT ON COLUMN homework_files.length IS 'bytes';
COMMENT ON COLUMN homework_files.submission_id IS 'null: not handed in';
CREATE TABLE discarded_objects (
    key TEXT NOT NULL,
    CONSTRAINT pk_discarded_objects PRIMARY KEY (key)
);
COMMENT ON TABLE discarded_objects IS 'of the object store, to be deleted there';
"""


def upgrade() -> None:
    for statement in _TABLES.split(";"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    for name in [
        "discarded_objects",
        "homework_files",
        "hand_ins",
        "submissions",
        "assignment_classes",
        "assignments",
    ]:
        op.execute(f"DROP TABLE {name}")
