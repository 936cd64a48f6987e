"""publications, notices, the feed of changes, reports, what readers think"""

from alembic import op

revision = "catalog_0009"
down_revision = "catalog_0008"

_TABLES = """
CREATE TABLE changes (
    transaction XID8 DEFAULT pg_current_xact_id() NOT NULL,
    position BIGINT GENERATED ALWAYS AS IDENTITY,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    kind TEXT NOT NULL,
    resource_id UUID NOT NULL,
    code TEXT NOT NULL,
    version INTEGER,
    CONSTRAINT pk_changes PRIMARY KEY (transaction, position)
);
CREATE INDEX ix_changes_resource_id ON changes (resource_id, transaction);
COMMENT ON COLUMN changes.version IS 'that everybody may read from now on';
CREATE TABLE course_references (
    resource_id UUID NOT NULL,
    course_id TEXT NOT NULL,
    organisation_path LTREE,
    CONSTRAINT pk_course_references PRIMARY KEY (resource_id, course_id)
);
CREATE INDEX ix_course_references_organisation_path ON course_references USING gist (organisation_path);
COMMENT ON COLUMN course_references.course_id IS 'of the learning service';
CREATE TABLE reading_days (
    day DATE NOT NULL,
    salt BYTEA NOT NULL,
    CONSTRAINT pk_reading_days PRIMARY KEY (day)
);
CREATE TABLE resource_counts (
    resource_id UUID NOT NULL,
    views BIGINT DEFAULT 0 NOT NULL,
    downloads BIGINT DEFAULT 0 NOT NULL,
    favourites INTEGER DEFAULT 0 NOT NULL,
    ratings INTEGER DEFAULT 0 NOT NULL,
    stars BIGINT DEFAULT 0 NOT NULL,
    CONSTRAINT pk_resource_counts PRIMARY KEY (resource_id)
);
COMMENT ON COLUMN resource_counts.stars IS 'of all ratings';
CREATE TABLE favourites (
    owner TEXT NOT NULL,
    resource_id UUID NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_favourites PRIMARY KEY (owner, resource_id),
    CONSTRAINT fk_favourites_resource_id FOREIGN KEY(resource_id) REFERENCES resources (id)
);
CREATE INDEX ix_favourites_at ON favourites (owner, at, resource_id);
CREATE INDEX ix_favourites_resource_id ON favourites (resource_id);
COMMENT ON COLUMN favourites.owner IS 'subject of the token';
CREATE TABLE notices (
    id UUID NOT NULL,
    resource_id UUID NOT NULL,
    action TEXT NOT NULL,
    reason_code TEXT NOT NULL,
    notice TEXT NOT NULL,
    version INTEGER NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    actor TEXT NOT NULL,
    CONSTRAINT pk_notices PRIMARY KEY (id),
    CONSTRAINT fk_notices_resource_id FOREIGN KEY(resource_id) REFERENCES resources (id)
);
CREATE INDEX ix_notices_resource_id ON notices (resource_id, id);
COMMENT ON COLUMN notices.notice IS 'told to everybody';
COMMENT ON COLUMN notices.version IS 'that everybody could read, or can again';
COMMENT ON COLUMN notices.actor IS 'subject of the token';
CREATE TABLE ratings (
    resource_id UUID NOT NULL,
    rater BYTEA NOT NULL,
    stars SMALLINT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_ratings PRIMARY KEY (resource_id, rater),
    CONSTRAINT fk_ratings_resource_id FOREIGN KEY(resource_id) REFERENCES resources (id)
);
COMMENT ON COLUMN ratings.rater IS 'keyed hash, another for each resource';
COMMENT ON COLUMN ratings.stars IS '1 to 5';
CREATE TABLE readings (
    day DATE NOT NULL,
    resource_id UUID NOT NULL,
    kind TEXT NOT NULL,
    reader BYTEA NOT NULL,
    CONSTRAINT pk_readings PRIMARY KEY (day, resource_id, kind, reader),
    CONSTRAINT fk_readings_day FOREIGN KEY(day) REFERENCES reading_days (day) ON DELETE CASCADE
);
COMMENT ON COLUMN readings.reader IS 'hash with the salt of the day';
CREATE TABLE report_cases (
    id UUID NOT NULL,
    resource_id UUID NOT NULL,
    state TEXT NOT NULL,
    reports INTEGER NOT NULL,
    remark TEXT NOT NULL,
    version INTEGER NOT NULL,
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_report_cases PRIMARY KEY (id),
    CONSTRAINT fk_report_cases_resource_id FOREIGN KEY(resource_id) REFERENCES resources (id)
);
CREATE UNIQUE INDEX ix_report_cases_resource_id ON report_cases (resource_id) WHERE state = 'OPEN';
COMMENT ON COLUMN report_cases.reports IS 'how many';
COMMENT ON COLUMN report_cases.remark IS 'of whoever closed it';
CREATE TABLE publications (
    resource_id UUID NOT NULL,
    version INTEGER NOT NULL,
    published_at TIMESTAMP WITH TIME ZONE NOT NULL,
    digest BYTEA NOT NULL,
    case_id UUID NOT NULL,
    CONSTRAINT pk_publications PRIMARY KEY (resource_id, version),
    CONSTRAINT fk_publications_resource_id FOREIGN KEY(resource_id, version) REFERENCES resource_versions (resource_id, number)
);
COMMENT ON COLUMN publications.digest IS 'of the version, as it was judged';
COMMENT ON COLUMN publications.case_id IS 'of the review that approved it';
CREATE TABLE reports (
    case_id UUID NOT NULL,
    reporter BYTEA NOT NULL,
    reason_code TEXT NOT NULL,
    words TEXT NOT NULL,
    number INTEGER NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_reports PRIMARY KEY (case_id, reporter),
    CONSTRAINT fk_reports_case_id FOREIGN KEY(case_id) REFERENCES report_cases (id)
);
CREATE INDEX ix_reports_reporter ON reports (reporter, at);
COMMENT ON COLUMN reports.reporter IS 'keyed hash';
COMMENT ON COLUMN reports.number IS 'of the version that was read';
CREATE INDEX ix_collection_items_resource_id ON collection_items (resource_id);
"""

_WRITTEN_ONCE = ("publications", "notices")


def upgrade() -> None:
    for statement in _TABLES.split(";"):
        if statement.strip():
            op.execute(statement)
    for name in _WRITTEN_ONCE:
        op.execute(
            f"CREATE TRIGGER written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON {name}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    op.execute("DROP INDEX ix_collection_items_resource_id")
    for name in [
        "reports",
        "publications",
        "report_cases",
        "readings",
        "ratings",
        "notices",
        "favourites",
        "resource_counts",
        "reading_days",
        "course_references",
        "changes",
    ]:
        op.execute(f"DROP TABLE {name}")
