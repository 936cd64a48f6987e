from sqlalchemy import BigInteger, Column, Date, Table, Text

from gateway.adapters.tables.metadata import METADATA

QUOTA_DAYS = Table(
    "quota_days",
    METADATA,
    Column("client_id", Text, primary_key=True),
    Column("day", Date, primary_key=True, comment="in China"),
    Column("taken", BigInteger, nullable=False, comment="requests leased to processes so far"),
    Column("granted", BigInteger, nullable=False, comment="of these, the block leased last"),
)
