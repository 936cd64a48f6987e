"""The transparency log. In `entry` nothing is ever changed or removed: triggers refuse it."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Identity,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from services.copyright.adapters.tables.metadata import INSTANT, METADATA

PENDING = Table(
    "pending",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("dedup", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("dedup"),
)

ENTRY = Table(
    "entry",
    METADATA,
    Column("idx", BigInteger, primary_key=True, autoincrement=False),
    Column("dedup", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("leaf_sha256", LargeBinary, nullable=False),
    Column("leaf_sm3", LargeBinary, nullable=False),
    UniqueConstraint("dedup"),
)

TILE = Table(
    "tile",
    METADATA,
    Column("alg", Text, primary_key=True),
    Column("level", SmallInteger, primary_key=True, autoincrement=False),
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False, comment="of the widest tile so far"),
)

TREE_STATE = Table(
    "tree_state",
    METADATA,
    Column("one", Boolean, primary_key=True, server_default=text("true")),
    Column("size", BigInteger, nullable=False),
    CheckConstraint("one", name="single_row"),
)

PUBLISHED = Table(
    "published",
    METADATA,
    Column("origin", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", LargeBinary, nullable=False),
    Column("signed_at", INSTANT, nullable=False),
)

CHECKPOINT_HISTORY = Table(
    "checkpoint_history",
    METADATA,
    Column("origin", Text, primary_key=True),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", LargeBinary, nullable=False, comment="with the newest signatures"),
    Column("signed_at", INSTANT, nullable=False),
    Column("witnessed", Boolean, nullable=False, comment="by a quorum"),
)

TIMESTAMPS = Table(
    "timestamps",
    METADATA,
    Column("origin", Text, primary_key=True),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("authority", Text, primary_key=True),
    Column("response", LargeBinary, nullable=False, comment="DER TimeStampResp"),
    Column("chain", LargeBinary, nullable=False, comment="PEM"),
    Column("stamped_at", INSTANT, nullable=False, comment="as the authority says"),
)

LOG_KEYS = Table(
    "log_keys",
    METADATA,
    Column("vkey", Text, primary_key=True),
    Column("valid_from", INSTANT, nullable=False),
    Column("valid_to", INSTANT),
    Column("last_size", BigInteger, comment="of a retired key: the last it may have signed"),
)
