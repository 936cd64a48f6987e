"""organisations, people, sessions, revocations"""

from alembic import op

revision = "identity_0002"
down_revision = "identity_0001"

_TABLES = """
CREATE TABLE consent_purposes (
    purpose TEXT NOT NULL,
    version INTEGER NOT NULL,
    title_zh TEXT NOT NULL,
    title_en TEXT NOT NULL,
    text_zh TEXT NOT NULL,
    text_en TEXT NOT NULL,
    scopes TEXT[] NOT NULL,
    effective_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_consent_purposes PRIMARY KEY (purpose, version)
);
COMMENT ON COLUMN consent_purposes.scopes IS 'what a token may carry under it';
CREATE TABLE organisations (
    id UUID NOT NULL,
    code TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    sort_key TEXT NOT NULL,
    parent_id UUID,
    path LTREE NOT NULL,
    division_code TEXT,
    school_code TEXT,
    credit_code TEXT,
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_organisations PRIMARY KEY (id),
    CONSTRAINT uq_organisations_code UNIQUE (code),
    CONSTRAINT fk_organisations_parent_id FOREIGN KEY(parent_id) REFERENCES organisations (id),
    CONSTRAINT uq_organisations_path UNIQUE (path),
    CONSTRAINT uq_organisations_school_code UNIQUE (school_code),
    CONSTRAINT uq_organisations_credit_code UNIQUE (credit_code)
);
CREATE INDEX ix_organisations_parent_id ON organisations (parent_id, sort_key, id);
CREATE INDEX ix_organisations_sort_key ON organisations (sort_key, id);
CREATE INDEX ix_organisations_path ON organisations USING gist (path);
COMMENT ON COLUMN organisations.sort_key IS 'pinyin of the name';
CREATE TABLE people (
    id UUID NOT NULL,
    code TEXT NOT NULL,
    state TEXT NOT NULL,
    profile BYTEA,
    name_hash BYTEA,
    version INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    erased_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_people PRIMARY KEY (id),
    CONSTRAINT uq_people_code UNIQUE (code)
);
CREATE INDEX ix_people_name_hash ON people (name_hash);
COMMENT ON COLUMN people.profile IS 'encrypted JSON: names, birth date, sex, locale, email';
COMMENT ON COLUMN people.name_hash IS 'of the full name';
CREATE TABLE revocations (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    before TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_revocations PRIMARY KEY (id)
);
CREATE INDEX ix_revocations_expires_at ON revocations (expires_at);
COMMENT ON COLUMN revocations.kind IS 'token session family person client consent';
COMMENT ON COLUMN revocations.value IS 'jti, sid, family, sub or client_id';
COMMENT ON COLUMN revocations.before IS 'tokens issued before then are void';
COMMENT ON COLUMN revocations.expires_at IS 'no such token lives longer';
CREATE TABLE consents (
    id UUID NOT NULL,
    child_id UUID NOT NULL,
    guardian_id UUID NOT NULL,
    purpose TEXT NOT NULL,
    purpose_version INTEGER NOT NULL,
    given_at TIMESTAMP WITH TIME ZONE NOT NULL,
    withdrawn_at TIMESTAMP WITH TIME ZONE,
    withdrawn_by TEXT,
    CONSTRAINT pk_consents PRIMARY KEY (id),
    CONSTRAINT fk_consents_child_id FOREIGN KEY(child_id) REFERENCES people (id),
    CONSTRAINT fk_consents_guardian_id FOREIGN KEY(guardian_id) REFERENCES people (id)
);
CREATE INDEX ix_consents_child_id ON consents (child_id, purpose);
CREATE UNIQUE INDEX uq_consents_in_force ON consents (child_id, guardian_id, purpose) WHERE withdrawn_at IS NULL;
CREATE TABLE guardianships (
    id UUID NOT NULL,
    guardian_id UUID NOT NULL,
    child_id UUID NOT NULL,
    relation TEXT NOT NULL,
    state TEXT NOT NULL,
    restricted BOOLEAN NOT NULL,
    verified_by TEXT,
    verified_at TIMESTAMP WITH TIME ZONE,
    version INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_guardianships PRIMARY KEY (id),
    CONSTRAINT uq_guardianships_guardian_id UNIQUE (guardian_id, child_id),
    CONSTRAINT fk_guardianships_guardian_id FOREIGN KEY(guardian_id) REFERENCES people (id),
    CONSTRAINT fk_guardianships_child_id FOREIGN KEY(child_id) REFERENCES people (id)
);
CREATE INDEX ix_guardianships_child_id ON guardianships (child_id);
COMMENT ON COLUMN guardianships.relation IS 'father mother grandparent other';
COMMENT ON COLUMN guardianships.state IS 'CLAIMED VERIFIED ENDED';
COMMENT ON COLUMN guardianships.restricted IS 'may neither consent nor read';
CREATE TABLE identifiers (
    id UUID NOT NULL,
    person_id UUID NOT NULL,
    kind TEXT NOT NULL,
    value BYTEA NOT NULL,
    search_hash BYTEA NOT NULL,
    masked TEXT NOT NULL,
    verified_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_identifiers PRIMARY KEY (id),
    CONSTRAINT uq_identifiers_kind UNIQUE (kind, search_hash),
    CONSTRAINT uq_identifiers_person_id UNIQUE (person_id, kind),
    CONSTRAINT fk_identifiers_person_id FOREIGN KEY(person_id) REFERENCES people (id)
);
COMMENT ON COLUMN identifiers.kind IS 'username phone email student_number staff_number id_number';
COMMENT ON COLUMN identifiers.value IS 'encrypted';
CREATE TABLE memberships (
    id UUID NOT NULL,
    person_id UUID NOT NULL,
    organisation_id UUID NOT NULL,
    kind TEXT NOT NULL,
    valid_from DATE NOT NULL,
    valid_until DATE,
    version INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_memberships PRIMARY KEY (id),
    CONSTRAINT fk_memberships_person_id FOREIGN KEY(person_id) REFERENCES people (id),
    CONSTRAINT fk_memberships_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisations (id)
);
CREATE INDEX ix_memberships_organisation_id ON memberships (organisation_id, person_id);
CREATE INDEX ix_memberships_person_id ON memberships (person_id);
CREATE UNIQUE INDEX uq_memberships_open ON memberships (person_id, organisation_id, kind) WHERE valid_until IS NULL;
COMMENT ON COLUMN memberships.kind IS 'student staff other';
COMMENT ON COLUMN memberships.valid_until IS 'the first day on which it no longer holds';
CREATE TABLE organisation_history (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    organisation_id UUID NOT NULL,
    version INTEGER NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    actor TEXT NOT NULL,
    change TEXT NOT NULL,
    before JSONB,
    after JSONB NOT NULL,
    CONSTRAINT pk_organisation_history PRIMARY KEY (id),
    CONSTRAINT fk_organisation_history_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisations (id)
);
CREATE INDEX ix_organisation_history_organisation_id ON organisation_history (organisation_id, id);
CREATE TABLE role_grants (
    id UUID NOT NULL,
    person_id UUID NOT NULL,
    role TEXT NOT NULL,
    organisation_id UUID NOT NULL,
    subject TEXT,
    valid_from TIMESTAMP WITH TIME ZONE NOT NULL,
    valid_until TIMESTAMP WITH TIME ZONE,
    granted_by TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_role_grants PRIMARY KEY (id),
    CONSTRAINT fk_role_grants_person_id FOREIGN KEY(person_id) REFERENCES people (id),
    CONSTRAINT fk_role_grants_organisation_id FOREIGN KEY(organisation_id) REFERENCES organisations (id)
);
CREATE INDEX ix_role_grants_organisation_id ON role_grants (organisation_id, role);
CREATE INDEX ix_role_grants_person_id ON role_grants (person_id);
COMMENT ON COLUMN role_grants.role IS 'shared.access.Role';
COMMENT ON COLUMN role_grants.subject IS 'code of a school subject';
CREATE TABLE sessions (
    id UUID NOT NULL,
    secret_hash BYTEA NOT NULL,
    person_id UUID NOT NULL,
    authenticated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    amr TEXT[] NOT NULL,
    acr TEXT NOT NULL,
    device TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_sessions PRIMARY KEY (id),
    CONSTRAINT uq_sessions_secret_hash UNIQUE (secret_hash),
    CONSTRAINT fk_sessions_person_id FOREIGN KEY(person_id) REFERENCES people (id)
);
CREATE INDEX ix_sessions_person_id ON sessions (person_id);
COMMENT ON COLUMN sessions.secret_hash IS 'SHA-256 of the cookie';
COMMENT ON COLUMN sessions.amr IS 'RFC 8176: pwd otp hwk mfa';
COMMENT ON COLUMN sessions.device IS 'browser and system, coarse';
"""


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS ltree")
    for statement in _TABLES.split(";"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    for name in [
        "sessions",
        "role_grants",
        "organisation_history",
        "memberships",
        "identifiers",
        "guardianships",
        "consents",
        "revocations",
        "people",
        "organisations",
        "consent_purposes",
    ]:
        op.execute(f"DROP TABLE {name}")
