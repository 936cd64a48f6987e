"""What others hear of the tree.

Whoever follows these events has the same tree, since they are told in the order in which the
changes were made, whichever organisations they are of. That is why the whole tree is one aggregate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID


@dataclass(frozen=True)
class OrganisationFact:
    """The organisation as it is after the change. ``path`` is its place in the tree, from the
    root down, as grants name it."""

    organisation_id: UUID
    code: str
    kind: str
    name: str
    path: str
    version: int

    type: ClassVar[str]

    @property
    def aggregate(self) -> str:
        return "organisations"


@dataclass(frozen=True)
class OrganisationCreated(OrganisationFact):
    """A new organisation stands at ``path``."""

    type = "identity.organisation.created.v1"


@dataclass(frozen=True)
class OrganisationRenamed(OrganisationFact):
    """It has another name."""

    type = "identity.organisation.renamed.v1"


@dataclass(frozen=True)
class OrganisationMoved(OrganisationFact):
    """It stands at ``path``, no longer at ``old_path``. Everything below came along: in each path
    that begins with the old one, the new one takes its place."""

    old_path: str

    type = "identity.organisation.moved.v1"


@dataclass(frozen=True)
class OrganisationClosed(OrganisationFact):
    """It is closed, and with it whatever was still open below ``path``."""

    type = "identity.organisation.closed.v1"


EVENTS: Mapping[str, type] = {
    each.type: each
    for each in (OrganisationCreated, OrganisationRenamed, OrganisationMoved, OrganisationClosed)
}
