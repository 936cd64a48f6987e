"""Sessions, revocations, clients, codes, tokens and keys of the OpenID provider."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Table,
    Text,
    Uuid,
)

from services.identity.adapters.tables.metadata import INSTANT, METADATA

SESSIONS = Table(
    "sessions",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column(
        "secret_hash", LargeBinary, nullable=False, unique=True, comment="SHA-256 of the cookie"
    ),
    Column("person_id", Uuid, ForeignKey("people.id"), nullable=False),
    Column("authenticated_at", INSTANT, nullable=False),
    Column("amr", ARRAY(Text), nullable=False, comment="RFC 8176: pwd otp hwk mfa"),
    Column("acr", Text, nullable=False),
    Column("device", Text, nullable=False, comment="browser and system, coarse"),
    Column("created_at", INSTANT, nullable=False),
    Column("seen_at", INSTANT, nullable=False),
    Column("expires_at", INSTANT, nullable=False),
    Column("revoked_at", INSTANT),
    Index("ix_sessions_person_id", "person_id"),
)

REVOCATIONS = Table(
    "revocations",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False, comment="token session family person client consent"),
    Column("value", Text, nullable=False, comment="jti, sid, family, sub or client_id"),
    Column("before", INSTANT, nullable=False, comment="tokens issued before then are void"),
    Column("expires_at", INSTANT, nullable=False, comment="no such token lives longer"),
    Index("ix_revocations_expires_at", "expires_at"),
)
