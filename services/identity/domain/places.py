"""Where a roster puts people."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Node:
    """An organisation of the tree."""

    id: UUID
    path: str
    name: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a line puts its person: the school, and the class, grade or school itself."""

    school: Node
    target: Node
