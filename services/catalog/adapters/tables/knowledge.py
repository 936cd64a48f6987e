from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, Index, Integer, Table, Text

from services.catalog.adapters.tables.metadata import INSTANT, METADATA

KNOWLEDGE_GRAPHS = Table(
    "knowledge_graphs",
    METADATA,
    Column("subject", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("updated_at", INSTANT, nullable=False),
)

KNOWLEDGE_POINTS = Table(
    "knowledge_points",
    METADATA,
    Column("subject", Text, ForeignKey("knowledge_graphs.subject"), primary_key=True),
    Column("code", Text, primary_key=True),
    Column("parent", Text),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("state", Text, nullable=False),
)

KNOWLEDGE_PREREQUISITES = Table(
    "knowledge_prerequisites",
    METADATA,
    Column("subject", Text, primary_key=True),
    Column("point", Text, primary_key=True),
    Column("prerequisite", Text, primary_key=True),
    ForeignKeyConstraint(
        ["subject", "point"], ["knowledge_points.subject", "knowledge_points.code"]
    ),
    ForeignKeyConstraint(
        ["subject", "prerequisite"],
        ["knowledge_points.subject", "knowledge_points.code"],
        name="fk_knowledge_prerequisites_prerequisite",
    ),
    Index("ix_knowledge_prerequisites_prerequisite", "subject", "prerequisite"),
)
