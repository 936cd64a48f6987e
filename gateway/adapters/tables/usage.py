from sqlalchemy import BigInteger, Column, Date, Index, Integer, Table, Text

from gateway.adapters.tables.metadata import METADATA
from shared.tables import INSTANT, Ltree

APPLICATIONS = Table(
    "applications",
    METADATA,
    Column("client_id", Text, primary_key=True),
    Column("organisation_path", Ltree, nullable=False),
    Column("name", Text, nullable=False),
    Column("quota_class", Text, nullable=False),
    Column("version", Integer, nullable=False, comment="identity's"),
    Index("ix_applications_organisation_path", "organisation_path", postgresql_using="gist"),
)

USAGE_DAYS = Table(
    "usage_days",
    METADATA,
    Column("client_id", Text, primary_key=True),
    Column("day", Date, primary_key=True, comment="in China"),
    Column("operation", Text, primary_key=True, comment="method and path template"),
    *(
        Column(name, BigInteger, nullable=False)
        for name in ("requests", "refused", "failed", "received", "sent")
    ),
)

ACCESS_LOG_FILES = Table(
    "access_log_files",
    METADATA,
    Column("name", Text, primary_key=True, comment="SHA-256 of its first line"),
    Column("position", BigInteger, nullable=False, comment="counted so far, in bytes"),
    Column("read_at", INSTANT, nullable=False),
)
