"""What is counted of schools."""

from sqlalchemy import BigInteger, Column, Integer, Table, Uuid

from services.learning.adapters.tables.metadata import METADATA
from shared.tables import INSTANT

Table(
    "school_figures",
    METADATA,
    Column("organisation_id", Uuid, primary_key=True),
    Column("at", INSTANT, nullable=False, comment="when they were counted"),
    Column("pupils", Integer, nullable=False),
    Column("begun", Integer, nullable=False, comment="pupils who did anything"),
    Column("active", Integer, nullable=False, comment="pupils who did within seven days"),
    Column("activities", BigInteger, nullable=False),
    Column("completed", BigInteger, nullable=False),
    Column("passed", BigInteger, nullable=False),
    Column("statements", BigInteger, nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("last_at", INSTANT),
)
