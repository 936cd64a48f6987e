"""reviews: cases, rounds, verdicts, timeline; policies, expert groups, term lists, the scheduler"""

from alembic import op

revision = "catalog_0008"
down_revision = "catalog_0007"

_TABLES = """
ALTER TABLE resources ADD COLUMN case_id UUID;
COMMENT ON COLUMN resources.case_id IS 'the review that is open';
CREATE TABLE review_cases (
    id UUID NOT NULL,
    code TEXT NOT NULL,
    resource_id UUID NOT NULL,
    organisation_path LTREE NOT NULL,
    owner TEXT NOT NULL,
    makers TEXT[] NOT NULL,
    title TEXT NOT NULL,
    stage TEXT,
    subject TEXT,
    importance TEXT NOT NULL,
    state TEXT NOT NULL,
    round SMALLINT NOT NULL,
    number INTEGER NOT NULL,
    digest BYTEA NOT NULL,
    chain JSONB NOT NULL,
    level SMALLINT NOT NULL,
    level_kind TEXT NOT NULL,
    level_path LTREE NOT NULL,
    group_id UUID,
    assignee TEXT,
    escalated BOOLEAN NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    version INTEGER NOT NULL,
    submitted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_review_cases PRIMARY KEY (id),
    CONSTRAINT fk_review_cases_resource_id FOREIGN KEY(resource_id) REFERENCES resources (id),
    CONSTRAINT uq_review_cases_code UNIQUE (code)
);
CREATE UNIQUE INDEX uq_review_cases_open ON review_cases (resource_id) WHERE state IN ('SUBMITTED', 'MACHINE_REVIEW', 'IN_REVIEW', 'CHANGES_REQUESTED');
CREATE INDEX ix_review_cases_queue ON review_cases (due_at, id) WHERE state = 'IN_REVIEW';
CREATE INDEX ix_review_cases_level ON review_cases (level_path) WHERE state = 'IN_REVIEW';
CREATE INDEX ix_review_cases_escalated ON review_cases (due_at, id) WHERE state = 'IN_REVIEW' AND escalated;
CREATE INDEX ix_review_cases_owner ON review_cases (owner, id);
CREATE INDEX ix_review_cases_resource ON review_cases (resource_id, id);
CREATE INDEX ix_review_cases_assignee ON review_cases (assignee) WHERE state = 'IN_REVIEW';
CREATE INDEX ix_review_cases_organisation_path ON review_cases USING gist (organisation_path);
COMMENT ON COLUMN review_cases.makers IS 'who made, submitted or uploaded something of it';
COMMENT ON COLUMN review_cases.number IS 'version that is judged';
COMMENT ON COLUMN review_cases.level IS 'place in chain, from 0';
CREATE TABLE review_rounds (
    case_id UUID NOT NULL,
    round SMALLINT NOT NULL,
    number INTEGER NOT NULL,
    digest BYTEA NOT NULL,
    signer TEXT NOT NULL,
    on_behalf_of TEXT,
    commitment TEXT NOT NULL,
    commitment_digest BYTEA NOT NULL,
    signed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_review_rounds PRIMARY KEY (case_id, round),
    CONSTRAINT fk_review_rounds_case_id FOREIGN KEY(case_id) REFERENCES review_cases (id)
);
COMMENT ON COLUMN review_rounds.commitment IS 'version of the text that was signed';
COMMENT ON COLUMN review_rounds.commitment_digest IS 'SHA-256 over text, content, signer and time';
CREATE TABLE review_verdicts (
    case_id UUID NOT NULL,
    round SMALLINT NOT NULL,
    level SMALLINT NOT NULL,
    reviewer TEXT NOT NULL,
    decision TEXT NOT NULL,
    criteria JSONB NOT NULL,
    reason_code TEXT,
    comment TEXT NOT NULL,
    items JSONB NOT NULL,
    digest BYTEA NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_review_verdicts PRIMARY KEY (case_id, round, reviewer),
    CONSTRAINT fk_review_verdicts_case_id FOREIGN KEY(case_id) REFERENCES review_cases (id)
);
CREATE TABLE review_events (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    case_id UUID NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT clock_timestamp(),
    round SMALLINT NOT NULL,
    kind TEXT NOT NULL,
    actor TEXT,
    data JSONB NOT NULL,
    CONSTRAINT pk_review_events PRIMARY KEY (id),
    CONSTRAINT fk_review_events_case_id FOREIGN KEY(case_id) REFERENCES review_cases (id)
);
CREATE INDEX ix_review_events_case ON review_events (case_id, id);
COMMENT ON COLUMN review_events.actor IS 'null: the catalogue';
CREATE TABLE review_claims (
    case_id UUID NOT NULL,
    reviewer TEXT NOT NULL,
    lease_until TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_review_claims PRIMARY KEY (case_id, reviewer),
    CONSTRAINT fk_review_claims_case_id FOREIGN KEY(case_id) REFERENCES review_cases (id)
);
CREATE INDEX ix_review_claims_reviewer ON review_claims (reviewer);
CREATE TABLE review_policies (
    path LTREE NOT NULL,
    resource_type TEXT NOT NULL,
    importance TEXT NOT NULL,
    steps JSONB NOT NULL,
    mandatory BOOLEAN NOT NULL,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_review_policies PRIMARY KEY (path, resource_type, importance)
);
COMMENT ON COLUMN review_policies.resource_type IS 'empty: of every type';
CREATE TABLE review_groups (
    id UUID NOT NULL,
    path LTREE NOT NULL,
    name TEXT NOT NULL,
    stages TEXT[] NOT NULL,
    subjects TEXT[] NOT NULL,
    members TEXT[] NOT NULL,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_review_groups PRIMARY KEY (id)
);
CREATE INDEX ix_review_groups_path ON review_groups (path);
COMMENT ON COLUMN review_groups.stages IS 'empty: every one';
COMMENT ON COLUMN review_groups.members IS 'ids of persons';
CREATE TABLE review_absences (
    person TEXT NOT NULL,
    from_date DATE NOT NULL,
    until_date DATE NOT NULL,
    CONSTRAINT pk_review_absences PRIMARY KEY (person, from_date)
);
COMMENT ON COLUMN review_absences.until_date IS 'the last day';
CREATE TABLE review_conflicts (
    reviewer TEXT NOT NULL,
    maker TEXT NOT NULL,
    declared_by TEXT NOT NULL,
    declared_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_review_conflicts PRIMARY KEY (reviewer, maker)
);
CREATE TABLE review_roster (
    grant_id UUID NOT NULL,
    person TEXT NOT NULL,
    path LTREE NOT NULL,
    subject TEXT,
    valid_from TIMESTAMP WITH TIME ZONE NOT NULL,
    valid_until TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_review_roster PRIMARY KEY (grant_id)
);
CREATE INDEX ix_review_roster_path ON review_roster (path);
COMMENT ON TABLE review_roster IS 'who may judge where, as identity told';
CREATE TABLE review_tasks (
    case_id UUID NOT NULL,
    kind TEXT NOT NULL,
    round SMALLINT NOT NULL,
    level SMALLINT NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    attempts SMALLINT NOT NULL,
    CONSTRAINT pk_review_tasks PRIMARY KEY (case_id, kind),
    CONSTRAINT fk_review_tasks_case_id FOREIGN KEY(case_id) REFERENCES review_cases (id)
);
CREATE INDEX ix_review_tasks_due_at ON review_tasks (due_at);
CREATE TABLE term_lists (
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    effective_from TIMESTAMP WITH TIME ZONE NOT NULL,
    effective_until TIMESTAMP WITH TIME ZONE,
    terms JSONB NOT NULL,
    created_by TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_term_lists PRIMARY KEY (name, version)
);
COMMENT ON COLUMN term_lists.effective_until IS 'before it; null: until the next version is in effect'
"""

_WRITTEN_ONCE = ("review_rounds", "review_verdicts", "review_events", "term_lists")
_NAMES = (
    "term_lists review_tasks review_roster review_conflicts review_absences review_groups"
    " review_policies review_claims review_events review_verdicts review_rounds review_cases"
)


def upgrade() -> None:
    for statement in _TABLES.split(";\n"):
        if statement.strip():
            op.execute(statement)
    for name in _WRITTEN_ONCE:
        op.execute(
            f"CREATE TRIGGER written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON {name}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    for name in _NAMES.split():
        op.execute(f"DROP TABLE {name}")
    op.execute("ALTER TABLE resources DROP COLUMN case_id")
