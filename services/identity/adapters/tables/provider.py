"""Sessions, revocations, clients, codes, tokens and keys of the OpenID provider."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

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
    Column(
        "written_at",
        INSTANT,
        nullable=False,
        server_default=text("clock_timestamp()"),
        comment="before lies three seconds later: the transaction ends sooner",
    ),
    Index("ix_revocations_expires_at", "expires_at"),
)

CLIENTS = Table(
    "clients",
    METADATA,
    Column("id", Uuid, primary_key=True, comment="the client_id"),
    Column("organisation_id", Uuid, ForeignKey("organisations.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("application_type", Text, nullable=False, comment="web native"),
    Column("auth_method", Text, nullable=False),
    Column("redirect_uris", ARRAY(Text), nullable=False),
    Column("post_logout_redirect_uris", ARRAY(Text), nullable=False),
    Column("jwks", JSONB, comment="public keys of private_key_jwt"),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("grant_types", ARRAY(Text), nullable=False),
    Column("pkce_required", Boolean, nullable=False),
    Column("trusted", Boolean, nullable=False, comment="of the platform: no consent page"),
    Column("quota_class", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    Column("updated_at", INSTANT, nullable=False),
    Column(
        "networks",
        ARRAY(Text),
        nullable=False,
        server_default="{}",
        comment="CIDR it calls from; none: from anywhere",
    ),
    Column("proposal", JSONB, comment="a description that waits for a decision, and by whom"),
    Index("ix_clients_organisation_id", "organisation_id"),
)

CLIENT_SECRETS = Table(
    "client_secrets",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("client_id", Uuid, ForeignKey("clients.id"), nullable=False),
    Column("hash", LargeBinary, nullable=False, comment="SHA-256 of 256 random bits"),
    Column("created_at", INSTANT, nullable=False),
    Column("expires_at", INSTANT),
    Index("ix_client_secrets_client_id", "client_id"),
)

CLIENT_CONSENTS = Table(
    "client_consents",
    METADATA,
    Column("person_id", Uuid, ForeignKey("people.id"), primary_key=True),
    Column("client_id", Uuid, primary_key=True, comment="a component stands in no register"),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("given_at", INSTANT, nullable=False),
)

CLIENT_ASSERTIONS = Table(
    "client_assertions",
    METADATA,
    Column("client_id", Uuid, ForeignKey("clients.id"), primary_key=True),
    Column("jti", Text, primary_key=True),
    Column("expires_at", INSTANT, nullable=False),
    Index("ix_client_assertions_expires_at", "expires_at"),
)

API_KEYS = Table(
    "api_keys",
    METADATA,
    Column("id", Text, primary_key=True, comment="the eight characters after sy_"),
    Column("client_id", Uuid, ForeignKey("clients.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False, comment="SHA-256 of the whole key"),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    Column("expires_at", INSTANT, nullable=False),
    Column("last_used_at", INSTANT, comment="to the minute"),
    Column("revoked_at", INSTANT),
    Index("ix_api_keys_client_id", "client_id"),
)

AUTHORIZATIONS = Table(
    "authorizations",
    METADATA,
    Column("id", Uuid, primary_key=True, comment="the token family"),
    Column("client_id", Uuid, nullable=False, comment="a component stands in no register"),
    Column("person_id", Uuid, ForeignKey("people.id"), nullable=False),
    Column("session_id", Uuid, comment="none for a device, whose tokens outlive it"),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("claims", JSONB, nullable=False, comment="asked for by name: userinfo, id_token"),
    Column("auth_time", INSTANT, nullable=False),
    Column("acr", Text, nullable=False),
    Column("amr", ARRAY(Text), nullable=False),
    Column("refresh_handle", LargeBinary, unique=True, comment="SHA-256, same for every refresh"),
    Column("refresh_hash", LargeBinary, comment="SHA-256 of the one refresh token that is good"),
    Column("created_at", INSTANT, nullable=False),
    Column("expires_at", INSTANT, nullable=False, comment="unless it is refreshed"),
    Column("ends_at", INSTANT, nullable=False, comment="however often it is refreshed"),
    Column("revoked_at", INSTANT),
    Index("ix_authorizations_person_id", "person_id"),
    Index("ix_authorizations_expires_at", "expires_at"),
)

AUTHORIZATION_CODES = Table(
    "authorization_codes",
    METADATA,
    Column("hash", LargeBinary, primary_key=True),
    Column(
        "authorization_id",
        Uuid,
        ForeignKey("authorizations.id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("redirect_uri", Text, nullable=False),
    Column("code_challenge", Text),
    Column("nonce", Text),
    Column("expires_at", INSTANT, nullable=False),
    Column("used_at", INSTANT),
    Index("ix_authorization_codes_authorization_id", "authorization_id"),
    Index("ix_authorization_codes_expires_at", "expires_at"),
)

DEVICE_CODES = Table(
    "device_codes",
    METADATA,
    Column("hash", LargeBinary, primary_key=True),
    Column("user_code", Text, nullable=False, unique=True),
    Column("client_id", Uuid, nullable=False, comment="a component stands in no register"),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("state", Text, nullable=False, comment="PENDING APPROVED DENIED USED"),
    Column("authorization_id", Uuid, ForeignKey("authorizations.id", ondelete="CASCADE")),
    Column("poll_seconds", Integer, nullable=False),
    Column("polled_at", INSTANT),
    Column("created_at", INSTANT, nullable=False),
    Column("expires_at", INSTANT, nullable=False),
    Index("ix_device_codes_authorization_id", "authorization_id"),
    Index("ix_device_codes_expires_at", "expires_at"),
)

SIGNING_KEYS = Table(
    "signing_keys",
    METADATA,
    Column("kid", Text, primary_key=True, comment="RFC 7638 thumbprint"),
    Column("ring", Text, nullable=False, comment="access id"),
    Column("state", Text, nullable=False, comment="next active retiring gone"),
    Column("public_key", JSONB, nullable=False),
    Column("private_key", LargeBinary, comment="encrypted JWK, erased when gone"),
    Column("created_at", INSTANT, nullable=False),
    Column("entered_at", INSTANT, nullable=False, comment="when it entered its state"),
    Index(
        "uq_signing_keys_ring",
        "ring",
        "state",
        unique=True,
        postgresql_where=text("state IN ('next', 'active')"),
    ),
)
