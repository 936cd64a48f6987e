"""the directory, spaces and courses"""

from alembic import op

revision = "learning_0003"
down_revision = "learning_0002"

_TABLES = """
CREATE TABLE allowed_applications (
    id UUID NOT NULL,
    organisation_path LTREE NOT NULL,
    record_number TEXT NOT NULL,
    name TEXT NOT NULL,
    developer TEXT NOT NULL,
    url TEXT NOT NULL,
    levels TEXT[] NOT NULL,
    categories TEXT[] NOT NULL,
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_allowed_applications PRIMARY KEY (id),
    CONSTRAINT uq_allowed_applications_organisation_path UNIQUE (organisation_path, record_number)
);
CREATE INDEX ix_allowed_applications_organisation_path ON allowed_applications USING gist (organisation_path);
CREATE TABLE announcements (
    id UUID NOT NULL,
    space_id UUID NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    pinned BOOLEAN NOT NULL,
    author TEXT,
    version INTEGER NOT NULL,
    published_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_announcements PRIMARY KEY (id)
);
CREATE INDEX ix_announcements_author ON announcements (author);
CREATE INDEX ix_announcements_space_id ON announcements (space_id, id);
COMMENT ON COLUMN announcements.author IS 'null: erased';
CREATE TABLE consents (
    consent_id UUID NOT NULL,
    child TEXT NOT NULL,
    guardian TEXT NOT NULL,
    purpose TEXT NOT NULL,
    purpose_version INTEGER NOT NULL,
    CONSTRAINT pk_consents PRIMARY KEY (consent_id)
);
CREATE INDEX ix_consents_child ON consents (child);
CREATE INDEX ix_consents_guardian ON consents (guardian);
COMMENT ON TABLE consents IS 'those that stand';
CREATE TABLE courses (
    id UUID NOT NULL,
    owner TEXT,
    organisation_path LTREE NOT NULL,
    state TEXT NOT NULL,
    title TEXT NOT NULL,
    introduction TEXT NOT NULL,
    starts_on DATE,
    ends_on DATE,
    share SMALLINT NOT NULL,
    passing BOOLEAN NOT NULL,
    items SMALLINT NOT NULL,
    origin_course UUID,
    origin_version INTEGER,
    version INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_courses PRIMARY KEY (id)
);
CREATE INDEX ix_courses_organisation_path ON courses USING gist (organisation_path);
CREATE INDEX ix_courses_owner ON courses (owner, id);
COMMENT ON COLUMN courses.owner IS 'null: erased';
COMMENT ON COLUMN courses.starts_on IS 'in China';
COMMENT ON COLUMN courses.ends_on IS 'the last day';
COMMENT ON COLUMN courses.share IS 'per cent to be done';
COMMENT ON COLUMN courses.passing IS 'whether done means passed';
COMMENT ON COLUMN courses.items IS 'how many';
CREATE TABLE members (
    membership_id UUID NOT NULL,
    person TEXT NOT NULL,
    organisation_id UUID NOT NULL,
    kind TEXT NOT NULL,
    valid_from DATE NOT NULL,
    valid_until DATE,
    CONSTRAINT pk_members PRIMARY KEY (membership_id)
);
CREATE INDEX ix_members_organisation_id ON members (organisation_id, person);
CREATE INDEX ix_members_person ON members (person, membership_id);
COMMENT ON COLUMN members.kind IS 'student, staff or other';
COMMENT ON COLUMN members.valid_from IS 'in China';
COMMENT ON COLUMN members.valid_until IS 'the first day without it';
CREATE TABLE organisations (
    id UUID NOT NULL,
    label TEXT NOT NULL,
    path LTREE NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    CONSTRAINT pk_organisations PRIMARY KEY (id),
    CONSTRAINT uq_organisations_label UNIQUE (label)
);
CREATE INDEX ix_organisations_path ON organisations USING gist (path);
COMMENT ON COLUMN organisations.label IS 'last of its path';
COMMENT ON COLUMN organisations.state IS 'OPEN or CLOSED';
CREATE TABLE resources (
    id UUID NOT NULL,
    code TEXT NOT NULL,
    standing TEXT NOT NULL,
    live_version INTEGER NOT NULL,
    published_versions INTEGER[] NOT NULL,
    CONSTRAINT pk_resources PRIMARY KEY (id)
);
COMMENT ON TABLE resources IS 'of the catalogue, those that were ever published';
COMMENT ON COLUMN resources.standing IS 'LIVE, SUSPENDED or RETIRED';
CREATE TABLE roles (
    grant_id UUID NOT NULL,
    person TEXT NOT NULL,
    organisation_id UUID NOT NULL,
    role TEXT NOT NULL,
    subject TEXT,
    valid_from TIMESTAMP WITH TIME ZONE NOT NULL,
    valid_until TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_roles PRIMARY KEY (grant_id)
);
CREATE INDEX ix_roles_person ON roles (person);
CREATE TABLE space_pages (
    space_id UUID NOT NULL,
    introduction TEXT NOT NULL,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_space_pages PRIMARY KEY (space_id)
);
CREATE TABLE space_resources (
    space_id UUID NOT NULL,
    position SMALLINT NOT NULL,
    resource_id UUID NOT NULL,
    number INTEGER,
    title TEXT NOT NULL,
    note TEXT,
    CONSTRAINT pk_space_resources PRIMARY KEY (space_id, position)
);
COMMENT ON COLUMN space_resources.position IS 'from 0';
COMMENT ON COLUMN space_resources.number IS 'version, null where it follows the live one';
CREATE TABLE course_enrolments (
    course_id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    enrolled_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_course_enrolments PRIMARY KEY (course_id, organisation_id),
    CONSTRAINT fk_course_enrolments_course_id FOREIGN KEY(course_id) REFERENCES courses (id)
);
CREATE INDEX ix_course_enrolments_organisation_id ON course_enrolments (organisation_id);
COMMENT ON COLUMN course_enrolments.organisation_id IS 'of a class';
CREATE TABLE course_items (
    course_id UUID NOT NULL,
    position SMALLINT NOT NULL,
    section SMALLINT NOT NULL,
    resource_id UUID NOT NULL,
    number INTEGER NOT NULL,
    title TEXT NOT NULL,
    required BOOLEAN NOT NULL,
    CONSTRAINT pk_course_items PRIMARY KEY (course_id, position),
    CONSTRAINT fk_course_items_course_id FOREIGN KEY(course_id) REFERENCES courses (id)
);
CREATE INDEX ix_course_items_resource_id ON course_items (resource_id);
COMMENT ON COLUMN course_items.position IS 'from 0, through all sections';
COMMENT ON COLUMN course_items.section IS 'position';
COMMENT ON COLUMN course_items.number IS 'version it is pinned to';
CREATE TABLE course_sections (
    course_id UUID NOT NULL,
    position SMALLINT NOT NULL,
    title TEXT NOT NULL,
    opens_at TIMESTAMP WITH TIME ZONE,
    closes_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_course_sections PRIMARY KEY (course_id, position),
    CONSTRAINT fk_course_sections_course_id FOREIGN KEY(course_id) REFERENCES courses (id)
);
COMMENT ON COLUMN course_sections.position IS 'from 0';
"""


def upgrade() -> None:
    for statement in _TABLES.split(";"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    for name in [
        "course_sections",
        "course_items",
        "course_enrolments",
        "space_resources",
        "space_pages",
        "roles",
        "resources",
        "organisations",
        "members",
        "courses",
        "consents",
        "announcements",
        "allowed_applications",
    ]:
        op.execute(f"DROP TABLE {name}")
