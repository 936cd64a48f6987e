"""What was published and taken down, the feed of changes, reports, and what readers think of it."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
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
from sqlalchemy.types import UserDefinedType

from services.catalog.adapters.tables.metadata import INSTANT, METADATA, Ltree


class Xid8(UserDefinedType[str]):
    """PostgreSQL's xid8: the number of a transaction, which never wraps."""

    cache_ok = True

    def get_col_spec(self, **_kw: Any) -> str:
        return "XID8"


PUBLICATIONS = Table(
    "publications",
    METADATA,
    Column("resource_id", Uuid, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("published_at", INSTANT, nullable=False),
    Column("digest", LargeBinary, nullable=False, comment="of the version, as it was judged"),
    Column("case_id", Uuid, nullable=False, comment="of the review that approved it"),
    ForeignKeyConstraint(
        ["resource_id", "version"], ["resource_versions.resource_id", "resource_versions.number"]
    ),
)

NOTICES = Table(
    "notices",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("resource_id", Uuid, ForeignKey("resources.id"), nullable=False),
    Column("action", Text, nullable=False),
    Column("reason_code", Text, nullable=False),
    Column("notice", Text, nullable=False, comment="told to everybody"),
    Column("version", Integer, nullable=False, comment="that everybody could read, or can again"),
    Column("at", INSTANT, nullable=False),
    Column("actor", Text, nullable=False, comment="subject of the token"),
    Column(
        "authority", Ltree, comment="path of the organisation that decided; null: the owner did"
    ),
    Index("ix_notices_resource_id", "resource_id", "id"),
)

CHANGES = Table(
    "changes",
    METADATA,
    Column("transaction", Xid8, primary_key=True, server_default=sql("pg_current_xact_id()")),
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("at", INSTANT, nullable=False),
    Column("kind", Text, nullable=False),
    Column("resource_id", Uuid, nullable=False),
    Column("code", Text, nullable=False),
    Column("version", Integer, comment="that everybody may read from now on"),
    Index("ix_changes_resource_id", "resource_id", "transaction"),
)

COURSE_REFERENCES = Table(
    "course_references",
    METADATA,
    Column("resource_id", Uuid, primary_key=True),
    Column("course_id", Text, primary_key=True, comment="of the learning service"),
    Column("organisation_path", Ltree),
    Index("ix_course_references_organisation_path", "organisation_path", postgresql_using="gist"),
)

REPORT_CASES = Table(
    "report_cases",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("resource_id", Uuid, ForeignKey("resources.id"), nullable=False),
    Column("state", Text, nullable=False),
    Column("reports", Integer, nullable=False, comment="how many"),
    Column("remark", Text, nullable=False, comment="of whoever closed it"),
    Column("version", Integer, nullable=False),
    Column("opened_at", INSTANT, nullable=False),
    Column("closed_at", INSTANT),
    Index(
        "ix_report_cases_resource_id",
        "resource_id",
        unique=True,
        postgresql_where=sql("state = 'OPEN'"),
    ),
)

REPORTS = Table(
    "reports",
    METADATA,
    Column("case_id", Uuid, ForeignKey("report_cases.id"), primary_key=True),
    Column("reporter", LargeBinary, primary_key=True, comment="keyed hash"),
    Column("reason_code", Text, nullable=False),
    Column("words", Text, nullable=False),
    Column("number", Integer, nullable=False, comment="of the version that was read"),
    Column("at", INSTANT, nullable=False),
    Index("ix_reports_reporter", "reporter", "at"),
)

FAVOURITES = Table(
    "favourites",
    METADATA,
    Column("owner", Text, primary_key=True, comment="subject of the token"),
    Column("resource_id", Uuid, ForeignKey("resources.id"), primary_key=True),
    Column("at", INSTANT, nullable=False),
    Index("ix_favourites_at", "owner", "at", "resource_id"),
    Index("ix_favourites_resource_id", "resource_id"),
)

RATINGS = Table(
    "ratings",
    METADATA,
    Column("resource_id", Uuid, ForeignKey("resources.id"), primary_key=True),
    Column("rater", LargeBinary, primary_key=True, comment="keyed hash, another for each resource"),
    Column("stars", SmallInteger, nullable=False, comment="1 to 5"),
    Column("at", INSTANT, nullable=False),
)

COUNTS = Table(
    "resource_counts",
    METADATA,
    Column("resource_id", Uuid, primary_key=True),
    Column("views", BigInteger, nullable=False, server_default=sql("0")),
    Column("downloads", BigInteger, nullable=False, server_default=sql("0")),
    Column("favourites", Integer, nullable=False, server_default=sql("0")),
    Column("ratings", Integer, nullable=False, server_default=sql("0")),
    Column("stars", BigInteger, nullable=False, server_default=sql("0"), comment="of all ratings"),
)

READING_DAYS = Table(
    "reading_days",
    METADATA,
    Column("day", Date, primary_key=True),
    Column("salt", LargeBinary, nullable=False),
)

READINGS = Table(
    "readings",
    METADATA,
    Column("day", Date, ForeignKey("reading_days.day", ondelete="CASCADE"), primary_key=True),
    Column("resource_id", Uuid, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("reader", LargeBinary, primary_key=True, comment="hash with the salt of the day"),
)
