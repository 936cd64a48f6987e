"""Reviews: cases, rounds, verdicts and their timeline; who judges what, and what is due when.

Rounds, verdicts, timeline, its attachments, and term lists are written once: a trigger refuses any
change of them.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    Uuid,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from services.catalog.adapters.tables.metadata import INSTANT, METADATA, Ltree

_STAMPED = sql("clock_timestamp()")


def _case(*, key: bool = True) -> Column[object]:
    return Column("case_id", Uuid, ForeignKey("review_cases.id"), primary_key=key, nullable=False)


REVIEW_CASES = Table(
    "review_cases",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("resource_id", Uuid, ForeignKey("resources.id"), nullable=False),
    Column("organisation_path", Ltree, nullable=False),
    Column("owner", Text, nullable=False),
    Column(
        "makers",
        ARRAY(Text),
        nullable=False,
        comment="who made, submitted or uploaded something of it",
    ),
    Column("title", Text, nullable=False),
    Column("stage", Text),
    Column("subject", Text),
    Column("importance", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("round", SmallInteger, nullable=False),
    Column("number", Integer, nullable=False, comment="version that is judged"),
    Column("digest", LargeBinary, nullable=False),
    Column("chain", JSONB, nullable=False),
    Column("level", SmallInteger, nullable=False, comment="place in chain, from 0"),
    Column("level_kind", Text, nullable=False),
    Column("level_path", Ltree, nullable=False),
    Column("group_id", Uuid),
    Column("assignee", Text),
    Column("escalated", Boolean, nullable=False),
    Column("due_at", INSTANT, nullable=False),
    Column("version", Integer, nullable=False),
    Column("submitted_at", INSTANT, nullable=False),
    Column("updated_at", INSTANT, nullable=False),
    Index(
        "uq_review_cases_open",
        "resource_id",
        unique=True,
        postgresql_where=sql(
            "state IN ('SUBMITTED', 'MACHINE_REVIEW', 'IN_REVIEW', 'CHANGES_REQUESTED')"
        ),
    ),
    Index("ix_review_cases_queue", "due_at", "id", postgresql_where=sql("state = 'IN_REVIEW'")),
    Index("ix_review_cases_level", "level_path", postgresql_where=sql("state = 'IN_REVIEW'")),
    Index(
        "ix_review_cases_escalated",
        "due_at",
        "id",
        postgresql_where=sql("state = 'IN_REVIEW' AND escalated"),
    ),
    Index("ix_review_cases_owner", "owner", "id"),
    Index("ix_review_cases_resource", "resource_id", "id"),
    Index("ix_review_cases_assignee", "assignee", postgresql_where=sql("state = 'IN_REVIEW'")),
    Index("ix_review_cases_organisation_path", "organisation_path", postgresql_using="gist"),
)

REVIEW_ROUNDS = Table(
    "review_rounds",
    METADATA,
    _case(),
    Column("round", SmallInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("signer", Text, nullable=False),
    Column("on_behalf_of", Text),
    Column("commitment", Text, nullable=False, comment="version of the text that was signed"),
    Column(
        "commitment_digest",
        LargeBinary,
        nullable=False,
        comment="SHA-256 over text, content, signer and time",
    ),
    Column("signed_at", INSTANT, nullable=False),
)

REVIEW_VERDICTS = Table(
    "review_verdicts",
    METADATA,
    _case(),
    Column("round", SmallInteger, primary_key=True, autoincrement=False),
    Column("level", SmallInteger, nullable=False),
    Column("reviewer", Text, primary_key=True),
    Column("decision", Text, nullable=False),
    Column("criteria", JSONB, nullable=False),
    Column("reason_code", Text),
    Column("comment", Text, nullable=False),
    Column("items", JSONB, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("at", INSTANT, nullable=False, server_default=_STAMPED),
)

REVIEW_EVENTS = Table(
    "review_events",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _case(key=False),
    Column("at", INSTANT, nullable=False, server_default=_STAMPED),
    Column("round", SmallInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("actor", Text, comment="null: the catalogue"),
    Column("data", JSONB, nullable=False),
    Index("ix_review_events_case", "case_id", "id"),
)

REVIEW_ATTACHMENTS = Table(
    "review_attachments",
    METADATA,
    _case(),
    Column("upload_id", Uuid, ForeignKey("uploads.id"), primary_key=True),
    Column("filename", Text, nullable=False),
    Index("ix_review_attachments_upload_id", "upload_id"),
    comment="what comments of the timeline carry",
)

REVIEW_CLAIMS = Table(
    "review_claims",
    METADATA,
    _case(),
    Column("reviewer", Text, primary_key=True),
    Column("lease_until", INSTANT, nullable=False),
    Index("ix_review_claims_reviewer", "reviewer"),
)

REVIEW_POLICIES = Table(
    "review_policies",
    METADATA,
    Column("path", Ltree, primary_key=True),
    Column("resource_type", Text, primary_key=True, comment="empty: of every type"),
    Column("importance", Text, primary_key=True),
    Column("steps", JSONB, nullable=False),
    Column("mandatory", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated_at", INSTANT, nullable=False),
)

REVIEW_GROUPS = Table(
    "review_groups",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("path", Ltree, nullable=False),
    Column("name", Text, nullable=False),
    Column("stages", ARRAY(Text), nullable=False, comment="empty: every one"),
    Column("subjects", ARRAY(Text), nullable=False),
    Column("members", ARRAY(Text), nullable=False, comment="ids of persons"),
    Column("version", Integer, nullable=False),
    Column("updated_at", INSTANT, nullable=False),
    Index("ix_review_groups_path", "path"),
)

REVIEW_ABSENCES = Table(
    "review_absences",
    METADATA,
    Column("person", Text, primary_key=True),
    Column("from_date", Date, primary_key=True),
    Column("until_date", Date, nullable=False, comment="the last day"),
)

REVIEW_CONFLICTS = Table(
    "review_conflicts",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("reviewer", Text, nullable=False),
    Column("maker", Text, nullable=False),
    Column("path", Ltree, comment="of whose levels it is declared; null: by the reviewer, of all"),
    Column("words", Text, nullable=False),
    Column("declared_by", Text, nullable=False),
    Column("declared_at", INSTANT, nullable=False),
    Column("lifted_words", Text),
    Column("lifted_by", Text),
    Column("lifted_at", INSTANT),
    Index(
        "uq_review_conflicts_in_force",
        "reviewer",
        "maker",
        "path",
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=sql("lifted_at IS NULL"),
    ),
    comment="in force until lifted; none is forgotten",
)

REVIEW_ROSTER = Table(
    "review_roster",
    METADATA,
    Column("grant_id", Uuid, primary_key=True),
    Column("person", Text, nullable=False),
    Column("path", Ltree, nullable=False),
    Column("subject", Text),
    Column("valid_from", INSTANT, nullable=False),
    Column("valid_until", INSTANT),
    Index("ix_review_roster_path", "path"),
    comment="who may judge where, as identity told",
)

REVIEW_TASKS = Table(
    "review_tasks",
    METADATA,
    _case(),
    Column("kind", Text, primary_key=True),
    Column("round", SmallInteger, nullable=False),
    Column("level", SmallInteger, nullable=False),
    Column("due_at", INSTANT, nullable=False),
    Column("attempts", SmallInteger, nullable=False),
    Index("ix_review_tasks_due_at", "due_at"),
)

TERM_LISTS = Table(
    "term_lists",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("effective_from", INSTANT, nullable=False),
    Column(
        "effective_until",
        INSTANT,
        comment="before it; null: until the next version is in effect",
    ),
    Column("terms", JSONB, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", INSTANT, nullable=False),
)
