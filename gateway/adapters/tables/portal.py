"""Who is signed in to the developer portal."""

from sqlalchemy import Column, Index, LargeBinary, Table

from gateway.adapters.tables.metadata import METADATA
from shared.tables import INSTANT

PORTAL_SESSIONS = Table(
    "portal_sessions",
    METADATA,
    Column("digest", LargeBinary, primary_key=True, comment="SHA-256 of the cookie"),
    Column("sealed", LargeBinary, nullable=False, comment="tokens and name, encrypted"),
    Column("expires_at", INSTANT, nullable=False),
    Index("ix_portal_sessions_expires_at", "expires_at"),
)
