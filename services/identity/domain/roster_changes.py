"""What comes of a roster's lines: results to report, changes to write."""

from dataclasses import dataclass, field
from uuid import UUID

from services.identity.domain.grants import RoleGrant
from services.identity.domain.guardians import Guardianship
from services.identity.domain.identifiers import IdentifierKey
from services.identity.domain.imports import Outcome
from services.identity.domain.people import Membership
from services.identity.domain.roster_accounts import Account
from services.identity.domain.rosters import Defect


@dataclass(frozen=True, slots=True)
class Result:
    """``changes`` names fields, `membership`, `role`, `guardian`, `state`; no values. Where the
    line is not rejected, ``defects`` warn."""

    outcome: Outcome
    person_id: UUID | None = None
    changes: tuple[str, ...] = ()
    defects: tuple[Defect, ...] = ()


@dataclass(slots=True)
class Batch:
    """What is to be written. New accounts are written as they stand in the end."""

    invited: list[Account] = field(default_factory=list)
    changed: dict[UUID, set[str]] = field(default_factory=dict)
    keys: list[tuple[UUID, IdentifierKey]] = field(default_factory=list)
    started: list[Membership] = field(default_factory=list)
    ended: list[Membership] = field(default_factory=list)
    given: list[RoleGrant] = field(default_factory=list)
    revoked: list[RoleGrant] = field(default_factory=list)
    guardianships: list[Guardianship] = field(default_factory=list)
    cut_off: set[UUID] = field(default_factory=set)
    """People whose tokens carry something that ended."""
    grown_younger: set[UUID] = field(default_factory=set)
    """People who are minors by what the roster tells, and were none before."""


class Refused(Exception):
    """The line contradicts what is there."""

    def __init__(self, *defects: Defect) -> None:
        super().__init__()
        self.defects = defects
