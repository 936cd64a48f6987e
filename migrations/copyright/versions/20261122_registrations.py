"""registrations, their parties and licences, and the categories of works"""

import sqlalchemy as sa
from alembic import op

revision = "copyright_0003"
down_revision = "copyright_0002"

_TABLES = """
CREATE TABLE registrations (
    id UUID NOT NULL,
    code TEXT NOT NULL,
    resource_id UUID NOT NULL,
    resource_version BIGINT,
    resource_code TEXT,
    organisation_path TEXT,
    origin TEXT NOT NULL,
    details JSONB NOT NULL,
    standing TEXT NOT NULL,
    length INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_registrations PRIMARY KEY (id),
    CONSTRAINT uq_registrations_code UNIQUE (code)
);
CREATE INDEX ix_registrations_resource_code ON registrations (resource_code);
CREATE INDEX ix_registrations_resource_id ON registrations (resource_id);
COMMENT ON COLUMN registrations.origin IS 'HAND or CATALOGUE';
COMMENT ON COLUMN registrations.details IS 'of the work, nothing personal';
COMMENT ON COLUMN registrations.standing IS 'a copy of what the events say';
CREATE TABLE registration_events (
    reg_id UUID NOT NULL,
    seq_in_reg INTEGER NOT NULL,
    dedup BYTEA NOT NULL,
    body BYTEA NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_registration_events PRIMARY KEY (reg_id, seq_in_reg),
    CONSTRAINT uq_registration_events_dedup UNIQUE (dedup)
);
COMMENT ON COLUMN registration_events.dedup IS 'as in pending and entry';
CREATE TABLE registered_files (
    reg_id UUID NOT NULL,
    seq_in_reg INTEGER NOT NULL,
    path TEXT NOT NULL,
    sha256 BYTEA NOT NULL,
    sm3 BYTEA NOT NULL,
    size BIGINT NOT NULL,
    CONSTRAINT pk_registered_files PRIMARY KEY (reg_id, seq_in_reg, path)
);
CREATE INDEX ix_registered_files_sha256 ON registered_files (sha256);
CREATE INDEX ix_registered_files_sm3 ON registered_files (sm3);
CREATE TABLE parties (
    reg_id UUID NOT NULL,
    person TEXT NOT NULL,
    commitment BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    CONSTRAINT pk_parties PRIMARY KEY (reg_id, person),
    CONSTRAINT uq_parties_reg_id UNIQUE (reg_id, commitment)
);
CREATE INDEX ix_parties_person ON parties (person);
COMMENT ON TABLE parties IS 'who acts: a row is destroyed when its person is erased';
COMMENT ON COLUMN parties.sealed IS 'identity and salt, encrypted';
CREATE TABLE texts (
    commitment BYTEA NOT NULL,
    reg_id UUID NOT NULL,
    person TEXT,
    sealed BYTEA NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_texts PRIMARY KEY (commitment)
);
CREATE INDEX ix_texts_person ON texts (person);
CREATE INDEX ix_texts_reg_id ON texts (reg_id);
COMMENT ON COLUMN texts.person IS 'null: the platform';
COMMENT ON COLUMN texts.sealed IS 'words and salt, encrypted';
CREATE TABLE licence_policies (
    sha256 BYTEA NOT NULL,
    template TEXT NOT NULL,
    document BYTEA NOT NULL,
    CONSTRAINT pk_licence_policies PRIMARY KEY (sha256)
);
COMMENT ON COLUMN licence_policies.document IS 'ODRL, canonical JSON';
CREATE TABLE work_categories (
    code TEXT NOT NULL,
    position INTEGER NOT NULL,
    name_zh TEXT NOT NULL,
    name_en TEXT NOT NULL,
    letter TEXT,
    dci INTEGER,
    version INTEGER NOT NULL,
    CONSTRAINT pk_work_categories PRIMARY KEY (code)
);
COMMENT ON COLUMN work_categories.letter IS 'in registration numbers, where known';
COMMENT ON COLUMN work_categories.dci IS 'number of the same category in DCI, where there is one';
"""

# 《关于进一步规范作品登记程序等有关工作的通知》(2011), in its order; the letters of registration
# numbers are those seen in published numbers; the last column is the number in DCI.
_CATEGORIES = (
    ("written", "文字", "Written works", "A", 3),
    ("oral", "口述", "Oral works", None, 6),
    ("music", "音乐", "Musical works", None, 4),
    ("drama", "戏剧", "Dramatic works", None, 7),
    ("quyi", "曲艺", "Quyi works", None, 8),
    ("dance", "舞蹈", "Choreographic works", None, 9),
    ("acrobatics", "杂技", "Acrobatic works", None, 10),
    ("fine-art", "美术", "Works of fine art", "F", 2),
    ("photography", "摄影", "Photographic works", None, 1),
    ("architecture", "建筑", "Architectural works", None, None),
    ("audiovisual", "影视", "Audiovisual works", None, 5),
    ("graphic", "图形", "Graphic works", None, 11),
    ("model", "模型", "Model works", None, 11),
    ("other", "其他", "Other works", None, 14),
)

_NAMES = (
    "work_categories licence_policies texts parties registered_files registration_events"
    " registrations"
)


def upgrade() -> None:
    for statement in _TABLES.split(";"):
        if statement.strip():
            op.execute(statement)
    columns = ("code", "position", "name_zh", "name_en", "letter", "dci", "version")
    rows = [
        dict(zip(columns, (code, n, zh, en, letter, dci, 1), strict=True))
        for n, (code, zh, en, letter, dci) in enumerate(_CATEGORIES)
    ]
    table = sa.table("work_categories", *map(sa.column, columns))
    op.bulk_insert(table, rows)


def downgrade() -> None:
    for name in _NAMES.split():
        op.execute(f"DROP TABLE {name}")
