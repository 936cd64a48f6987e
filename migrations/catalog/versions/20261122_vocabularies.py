"""vocabularies

Puts the starter set of the product into the new dictionaries, as their first version. From then on
they are the operator's: what the product adds later comes as an import or a revision of its own.
"""

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "catalog_0002"
down_revision = "catalog_0001"

_TABLES = """
CREATE TABLE dictionaries (
    code TEXT NOT NULL,
    title_zh TEXT NOT NULL,
    title_en TEXT NOT NULL,
    hierarchical BOOLEAN NOT NULL,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_dictionaries PRIMARY KEY (code)
);
CREATE TABLE knowledge_graphs (
    subject TEXT NOT NULL,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_knowledge_graphs PRIMARY KEY (subject)
);
CREATE TABLE textbooks (
    id UUID NOT NULL,
    title TEXT NOT NULL,
    sort_key TEXT NOT NULL,
    publisher TEXT NOT NULL,
    stage TEXT,
    subject TEXT,
    edition TEXT,
    grade TEXT,
    volume TEXT,
    stage_text TEXT NOT NULL,
    subject_text TEXT NOT NULL,
    edition_text TEXT NOT NULL,
    grade_text TEXT NOT NULL,
    volume_text TEXT NOT NULL,
    size BIGINT,
    source TEXT NOT NULL,
    state TEXT NOT NULL,
    version INTEGER NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_textbooks PRIMARY KEY (id)
);
CREATE INDEX ix_textbooks_sort_key ON textbooks (sort_key, id);
CREATE INDEX ix_textbooks_stage ON textbooks (stage, subject, edition, grade);
COMMENT ON COLUMN textbooks.sort_key IS 'pinyin of the title';
COMMENT ON COLUMN textbooks.stage_text IS 'word for word';
COMMENT ON COLUMN textbooks.subject_text IS 'word for word';
COMMENT ON COLUMN textbooks.edition_text IS 'word for word';
COMMENT ON COLUMN textbooks.grade_text IS 'word for word';
COMMENT ON COLUMN textbooks.volume_text IS 'word for word';
COMMENT ON COLUMN textbooks.size IS 'bytes';
CREATE TABLE chapters (
    textbook UUID NOT NULL,
    code TEXT NOT NULL,
    parent TEXT,
    title TEXT NOT NULL,
    position INTEGER NOT NULL,
    state TEXT NOT NULL,
    CONSTRAINT pk_chapters PRIMARY KEY (textbook, code),
    CONSTRAINT fk_chapters_textbook FOREIGN KEY(textbook) REFERENCES textbooks (id)
);
CREATE TABLE dictionary_versions (
    dictionary TEXT NOT NULL,
    version INTEGER NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    actor TEXT NOT NULL,
    added TEXT[] NOT NULL,
    changed TEXT[] NOT NULL,
    CONSTRAINT pk_dictionary_versions PRIMARY KEY (dictionary, version),
    CONSTRAINT fk_dictionary_versions_dictionary FOREIGN KEY(dictionary) REFERENCES dictionaries (code)
);
COMMENT ON COLUMN dictionary_versions.added IS 'codes';
COMMENT ON COLUMN dictionary_versions.changed IS 'codes';
CREATE TABLE knowledge_points (
    subject TEXT NOT NULL,
    code TEXT NOT NULL,
    parent TEXT,
    name_zh TEXT NOT NULL,
    name_en TEXT NOT NULL,
    position INTEGER NOT NULL,
    state TEXT NOT NULL,
    CONSTRAINT pk_knowledge_points PRIMARY KEY (subject, code),
    CONSTRAINT fk_knowledge_points_subject FOREIGN KEY(subject) REFERENCES knowledge_graphs (subject)
);
CREATE TABLE terms (
    dictionary TEXT NOT NULL,
    code TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER,
    parent TEXT,
    name_zh TEXT NOT NULL,
    name_en TEXT NOT NULL,
    aliases TEXT[] NOT NULL,
    crosswalk JSONB NOT NULL,
    position INTEGER NOT NULL,
    state TEXT NOT NULL,
    CONSTRAINT pk_terms PRIMARY KEY (dictionary, code, since),
    CONSTRAINT fk_terms_dictionary FOREIGN KEY(dictionary) REFERENCES dictionaries (code)
);
CREATE UNIQUE INDEX ix_terms_current ON terms (dictionary, code) WHERE until IS NULL;
COMMENT ON COLUMN terms.since IS 'the first version it stands in so';
COMMENT ON COLUMN terms.until IS 'the first version it no longer stands in so';
CREATE TABLE knowledge_prerequisites (
    subject TEXT NOT NULL,
    point TEXT NOT NULL,
    prerequisite TEXT NOT NULL,
    CONSTRAINT pk_knowledge_prerequisites PRIMARY KEY (subject, point, prerequisite),
    CONSTRAINT fk_knowledge_prerequisites_subject FOREIGN KEY(subject, point) REFERENCES knowledge_points (subject, code),
    CONSTRAINT fk_knowledge_prerequisites_prerequisite FOREIGN KEY(subject, prerequisite) REFERENCES knowledge_points (subject, code)
);
CREATE INDEX ix_knowledge_prerequisites_prerequisite ON knowledge_prerequisites (subject, prerequisite);
"""


_STARTER = Path(__file__).resolve().parents[3] / "services" / "catalog" / "starter"

_DICTIONARIES = sa.table(
    "dictionaries",
    sa.column("code", sa.Text),
    sa.column("title_zh", sa.Text),
    sa.column("title_en", sa.Text),
    sa.column("hierarchical", sa.Boolean),
    sa.column("version", sa.Integer),
    sa.column("updated_at", sa.DateTime(timezone=True)),
)
_TERMS = sa.table(
    "terms",
    sa.column("dictionary", sa.Text),
    sa.column("code", sa.Text),
    sa.column("since", sa.Integer),
    sa.column("parent", sa.Text),
    sa.column("name_zh", sa.Text),
    sa.column("name_en", sa.Text),
    sa.column("aliases", ARRAY(sa.Text)),
    sa.column("crosswalk", JSONB),
    sa.column("position", sa.Integer),
    sa.column("state", sa.Text),
)
_VERSIONS = sa.table(
    "dictionary_versions",
    sa.column("dictionary", sa.Text),
    sa.column("version", sa.Integer),
    sa.column("at", sa.DateTime(timezone=True)),
    sa.column("actor", sa.Text),
    sa.column("added", ARRAY(sa.Text)),
    sa.column("changed", ARRAY(sa.Text)),
)


def upgrade() -> None:
    for statement in _TABLES.split(";"):
        if statement.strip():
            op.execute(statement)
    now = datetime.now(UTC)
    dictionaries, terms = _read("dictionaries"), [_term(row) for row in _read("terms")]
    op.bulk_insert(
        _DICTIONARIES,
        [
            {**row, "hierarchical": row["hierarchical"] == "true", "version": 1, "updated_at": now}
            for row in dictionaries
        ],
    )
    op.bulk_insert(_TERMS, terms)
    op.bulk_insert(
        _VERSIONS,
        [
            {
                "dictionary": row["code"],
                "version": 1,
                "at": now,
                "actor": "system",
                "added": [term["code"] for term in terms if term["dictionary"] == row["code"]],
                "changed": [],
            }
            for row in dictionaries
        ],
    )


def _read(name: str) -> list[dict[str, str]]:
    with (_STARTER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _term(row: dict[str, str]) -> dict[str, Any]:
    crosswalk = (pair.partition("=") for pair in row["crosswalk"].split("|") if pair)
    return {
        **row,
        "since": 1,
        "parent": row["parent"] or None,
        "aliases": [alias for alias in row["aliases"].split("|") if alias],
        "crosswalk": {scheme: code for scheme, _, code in crosswalk},
        "position": int(row["position"]),
    }


def downgrade() -> None:
    for name in [
        "knowledge_prerequisites",
        "terms",
        "knowledge_points",
        "dictionary_versions",
        "chapters",
        "textbooks",
        "knowledge_graphs",
        "dictionaries",
    ]:
        op.execute(f"DROP TABLE {name}")
