from sqlalchemy import (
    ARRAY,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from services.identity.adapters.tables.metadata import INSTANT, METADATA

PEOPLE = Table(
    "people",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("state", Text, nullable=False),
    Column("profile", LargeBinary, comment="encrypted JSON: names, birth date, sex, locale, email"),
    Column("name_hash", LargeBinary, comment="of the full name"),
    Column("version", Integer, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    Column("updated_at", INSTANT, nullable=False),
    Column("erased_at", INSTANT),
    Index("ix_people_name_hash", "name_hash"),
)

IDENTIFIERS = Table(
    "identifiers",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("person_id", Uuid, ForeignKey("people.id"), nullable=False),
    Column(
        "kind",
        Text,
        nullable=False,
        comment="username phone email student_number staff_number id_number",
    ),
    Column("value", LargeBinary, nullable=False, comment="encrypted"),
    Column("search_hash", LargeBinary, nullable=False),
    Column("masked", Text, nullable=False),
    Column("verified_at", INSTANT),
    Column("created_at", INSTANT, nullable=False),
    UniqueConstraint("kind", "search_hash"),
    UniqueConstraint("person_id", "kind"),
)

MEMBERSHIPS = Table(
    "memberships",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("person_id", Uuid, ForeignKey("people.id"), nullable=False),
    Column("organisation_id", Uuid, ForeignKey("organisations.id"), nullable=False),
    Column("kind", Text, nullable=False, comment="student staff other"),
    Column("valid_from", Date, nullable=False),
    Column("valid_until", Date, comment="the first day on which it no longer holds"),
    Column("version", Integer, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    Index("ix_memberships_organisation_id", "organisation_id", "person_id"),
    Index("ix_memberships_person_id", "person_id"),
    Index(
        "uq_memberships_open",
        "person_id",
        "organisation_id",
        "kind",
        unique=True,
        postgresql_where=text("valid_until IS NULL"),
    ),
)

ROLE_GRANTS = Table(
    "role_grants",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("person_id", Uuid, ForeignKey("people.id"), nullable=False),
    Column("role", Text, nullable=False, comment="shared.access.Role"),
    Column("organisation_id", Uuid, ForeignKey("organisations.id"), nullable=False),
    Column("subject", Text, comment="code of a school subject"),
    Column("valid_from", INSTANT, nullable=False),
    Column("valid_until", INSTANT),
    Column("granted_by", Text, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    Index("ix_role_grants_person_id", "person_id"),
    Index("ix_role_grants_organisation_id", "organisation_id", "role"),
)

GUARDIANSHIPS = Table(
    "guardianships",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("guardian_id", Uuid, ForeignKey("people.id"), nullable=False),
    Column("child_id", Uuid, ForeignKey("people.id"), nullable=False),
    Column("relation", Text, nullable=False, comment="father mother grandparent other"),
    Column("state", Text, nullable=False, comment="CLAIMED VERIFIED ENDED"),
    Column("restricted", Boolean, nullable=False, comment="may neither consent nor read"),
    Column("verified_by", Text),
    Column("verified_at", INSTANT),
    Column("version", Integer, nullable=False),
    Column("created_at", INSTANT, nullable=False),
    UniqueConstraint("guardian_id", "child_id"),
    Index("ix_guardianships_child_id", "child_id"),
)

CONSENT_PURPOSES = Table(
    "consent_purposes",
    METADATA,
    Column("purpose", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("title_zh", Text, nullable=False),
    Column("title_en", Text, nullable=False),
    Column("text_zh", Text, nullable=False),
    Column("text_en", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False, comment="what a token may carry under it"),
    Column("effective_at", INSTANT, nullable=False),
)

CONSENTS = Table(
    "consents",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("child_id", Uuid, ForeignKey("people.id"), nullable=False),
    Column("guardian_id", Uuid, ForeignKey("people.id"), nullable=False),
    Column("purpose", Text, nullable=False),
    Column("purpose_version", Integer, nullable=False),
    Column("given_at", INSTANT, nullable=False),
    Column("withdrawn_at", INSTANT),
    Column("withdrawn_by", Text),
    Index("ix_consents_child_id", "child_id", "purpose"),
    Index(
        "uq_consents_in_force",
        "child_id",
        "guardian_id",
        "purpose",
        unique=True,
        postgresql_where=text("withdrawn_at IS NULL"),
    ),
)
