"""What tells registered works that are alike, by the digests of their files."""

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import BIT

from services.copyright.adapters.tables.metadata import INSTANT, METADATA

FILE_CODES = Table(
    "file_codes",
    METADATA,
    Column("sha256", LargeBinary, primary_key=True),
    Column("instance", LargeBinary, comment="digests of ISCC units of 256 bits"),
    Column("data", LargeBinary),
    Index("ix_file_codes_instance", "instance"),
    Index("ix_file_codes_data", "data"),
)

CONTENT_CODES = Table(
    "content_codes",
    METADATA,
    Column("sha256", LargeBinary, primary_key=True),
    Column("kind", Text, nullable=False, comment="text, image, audio or video"),
    Column("digest", BIT(256), nullable=False),
    comment="by itself: it is read as a whole",
)

FILE_TEXTS = Table(
    "file_texts",
    METADATA,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("sha256", LargeBinary, nullable=False),
    Column("letters", Integer, nullable=False),
    Column("every", Integer, nullable=False, comment="which of the text's prints are kept"),
    Column("prints", LargeBinary, nullable=False, comment="hash and place, as 32-bit numbers"),
    UniqueConstraint("sha256"),
)

TEXT_PRINTS = Table(
    "text_prints",
    METADATA,
    Column("hash", BigInteger, primary_key=True, autoincrement=False),
    Column("text_id", BigInteger, primary_key=True, autoincrement=False),
    comment="the least of each text, by which it is found",
)

POSSIBLE_MATCHES = Table(
    "possible_matches",
    METADATA,
    Column("reg_id", Uuid, primary_key=True),
    Column("other_id", Uuid, primary_key=True),
    Column("path", Text, nullable=False, comment="of the other's file"),
    Column("tier", Text, nullable=False),
    Column("distance", Integer, comment="of Content-Codes, in bits"),
    Column("share", Double, comment="of the shorter text in the longer"),
    Column("found_at", INSTANT, nullable=False),
    comment="for somebody to look at: nothing follows by itself",
)
