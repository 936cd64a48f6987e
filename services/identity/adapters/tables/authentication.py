"""Passwords, second factors, invitations, sign-ins under way and throttling.

A secret that a person or a browser keeps is stored as a hash: argon2id where people choose it,
SHA-256 where it is 256 random bits, HMAC with a derived key where it is shorter.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
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

PASSWORDS = Table(
    "passwords",
    METADATA,
    Column("person_id", Uuid, ForeignKey("people.id"), primary_key=True),
    Column("hash", Text, nullable=False, comment="argon2id, PHC string"),
    Column("stands_alone", Boolean, nullable=False, comment="long enough without second factor"),
    Column("changed_at", INSTANT, nullable=False),
)

FORMER_PASSWORDS = Table(
    "former_passwords",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("person_id", Uuid, ForeignKey("people.id"), nullable=False),
    Column("hash", Text, nullable=False),
    Index("ix_former_passwords_person_id", "person_id", "id"),
)

AUTHENTICATORS = Table(
    "authenticators",
    METADATA,
    Column("person_id", Uuid, ForeignKey("people.id"), primary_key=True),
    Column("secret", LargeBinary, nullable=False, comment="TOTP secret, encrypted"),
    Column("created_at", INSTANT, nullable=False),
    Column("confirmed_at", INSTANT, comment="null until the first code came"),
    Column("last_step", BigInteger, comment="time step of the last code, used up with it"),
)

RECOVERY_CODES = Table(
    "recovery_codes",
    METADATA,
    Column("person_id", Uuid, ForeignKey("people.id"), primary_key=True),
    Column("code_hash", LargeBinary, primary_key=True, comment="keyed"),
    Column("created_at", INSTANT, nullable=False),
)

PASSKEYS = Table(
    "passkeys",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("person_id", Uuid, ForeignKey("people.id"), nullable=False),
    Column("credential_id", LargeBinary, nullable=False, unique=True),
    Column("public_key", LargeBinary, nullable=False, comment="COSE_Key"),
    Column("sign_count", BigInteger, nullable=False),
    Column("synced", Boolean, nullable=False, comment="may be copied between devices"),
    Column("name", Text, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    Column("used_at", INSTANT),
    Index("ix_passkeys_person_id", "person_id"),
)

PASSKEY_CHALLENGES = Table(
    "passkey_challenges",
    METADATA,
    Column("challenge", LargeBinary, primary_key=True),
    Column("bound_to", LargeBinary, nullable=False, comment="SHA-256 of the cookie it was put to"),
    Column("expires_at", INSTANT, nullable=False),
    Index("ix_passkey_challenges_expires_at", "expires_at"),
)

SIGN_INS = Table(
    "sign_ins",
    METADATA,
    Column("secret_hash", LargeBinary, primary_key=True, comment="SHA-256 of the cookie"),
    Column("person_id", Uuid, ForeignKey("people.id"), nullable=False),
    Column("amr", ARRAY(Text), nullable=False, comment="what was proved so far"),
    Column("return_to", Text, nullable=False),
    Column("expires_at", INSTANT, nullable=False),
    Index("ix_sign_ins_person_id", "person_id"),
    Index("ix_sign_ins_expires_at", "expires_at"),
)

KNOWN_DEVICES = Table(
    "known_devices",
    METADATA,
    Column("secret_hash", LargeBinary, primary_key=True, comment="SHA-256 of the cookie"),
    Column("person_id", Uuid, ForeignKey("people.id"), primary_key=True),
    Column("seen_at", INSTANT, nullable=False),
    Index("ix_known_devices_person_id", "person_id"),
    Index("ix_known_devices_seen_at", "seen_at"),
)

THROTTLE = Table(
    "throttle",
    METADATA,
    Column("key", LargeBinary, primary_key=True, comment="keyed hash of what is counted"),
    Column("tat", INSTANT, nullable=False, comment="GCRA: theoretical arrival time"),
    Index("ix_throttle_tat", "tat"),
)

INVITATIONS = Table(
    "invitations",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True, comment="SHA-256"),
    Column("person_id", Uuid, ForeignKey("people.id"), nullable=False),
    Column("removes_factors", Boolean, nullable=False, comment="second factors go with its use"),
    Column("authority", ARRAY(Text), nullable=False, server_default="{}", comment="of the issuer"),
    Column("issued_by", Text, nullable=False),
    Column("issued_at", INSTANT, nullable=False),
    Column("expires_at", INSTANT, nullable=False),
    Column("used_at", INSTANT),
    Index("ix_invitations_person_id", "person_id"),
)
