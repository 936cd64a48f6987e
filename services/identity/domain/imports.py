"""An import (批量导入): a roster that is read, compared with what is there, and applied in steps.

    RECEIVED --compare--> COMPARING --report--> COMPARED --apply--> APPLYING --finish--> APPLIED
        |                                           |
        |--proceed--> APPLYING                      |--expire--> EXPIRED
        |--fail--> FAILED

A dry run stops at COMPARED, with a report of what would change. Every step is a transaction of its
own, so an import goes on where it was stopped; one whose steps keep failing becomes FAILED.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self
from uuid import UUID

from services.identity.domain.organisations import INSTITUTIONS, Kind
from services.identity.domain.roster_words import Column
from shared.errors import DomainError

MAX_FILE_BYTES = 64 << 20
MAX_LINES = 200_000
ATTEMPTS = 5
REPORT_LIFE = timedelta(days=7)
"""A report that is not applied within it expires: the personal data behind it is erased."""

KINDS = frozenset({Kind.PROVINCE, Kind.CITY, Kind.COUNTY, Kind.SCHOOL, *INSTITUTIONS})
"""For which kinds of organisation rosters are imported and exported."""


class Format(StrEnum):
    CSV = "csv"
    XLSX = "xlsx"
    ONEROSTER = "oneroster"
    """OneRoster 1.2 CSV: a zip archive with a manifest."""


class State(StrEnum):
    RECEIVED = "RECEIVED"
    COMPARING = "COMPARING"
    COMPARED = "COMPARED"
    APPLYING = "APPLYING"
    APPLIED = "APPLIED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


class Action(StrEnum):
    COMPARE = "compare"
    PROCEED = "proceed"
    REPORT = "report"
    APPLY = "apply"
    FINISH = "finish"
    EXPIRE = "expire"
    FAIL = "fail"


_S, _A = State, Action

TRANSITIONS: Mapping[tuple[State, Action], State] = {
    (_S.RECEIVED, _A.COMPARE): _S.COMPARING,
    (_S.RECEIVED, _A.PROCEED): _S.APPLYING,
    (_S.COMPARING, _A.REPORT): _S.COMPARED,
    (_S.COMPARED, _A.APPLY): _S.APPLYING,
    (_S.COMPARED, _A.EXPIRE): _S.EXPIRED,
    (_S.APPLYING, _A.FINISH): _S.APPLIED,
    (_S.RECEIVED, _A.FAIL): _S.FAILED,
    (_S.COMPARING, _A.FAIL): _S.FAILED,
    (_S.APPLYING, _A.FAIL): _S.FAILED,
}
"""Administrators apply; every other step the service takes by itself."""

UNFINISHED = frozenset({State.RECEIVED, State.COMPARING, State.APPLYING})


class Outcome(StrEnum):
    """What became of a line; in a report before applying, what would become of it."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    LEFT = "left"
    REJECTED = "rejected"


class ImportActionRefused(DomainError):
    """The state of the import does not allow it; ``state`` is a member."""


class RosterNotUploaded(DomainError):
    """Nothing was uploaded under that id, by this caller, within the last day."""


class RosterTooLarge(DomainError):
    """The file has more bytes than `MAX_FILE_BYTES`."""


class NoRosterThere(DomainError):
    """Rosters are those of schools and institutions, and of what stands above them."""


class UnreadableRoster(ValueError):
    """The file as a whole is no roster; the message says what to do about it."""


@dataclass(frozen=True, slots=True)
class RosterLine:
    """The cells of one line, outer blanks off and empty ones left out. ``number`` is the row in
    the file, the headings counted; of OneRoster, the row in users.csv or in the file that the
    detail names. ``trouble`` keeps it from being read."""

    number: int
    cells: Mapping[Column, str]
    trouble: "Trouble | None" = None


class Trouble(StrEnum):
    """Quotation marks that do not pair; a role that has not begun."""

    TORN = "torn"
    NOT_YET = "not-yet"


@dataclass(frozen=True, slots=True)
class Import:
    """``path`` is where the organisation stands now. ``lines`` is how many are staged, all of them
    unless it is RECEIVED; ``position`` how many of these the present state has dealt with;
    ``attempts`` how often its present step has failed."""

    id: UUID
    organisation_id: UUID
    path: str
    format: Format
    dry_run: bool
    state: State
    object_key: str
    requested_by: str
    client: str | None
    request_id: str
    lines: int
    position: int
    attempts: int
    failure: str | None
    version: int
    created_at: datetime
    updated_at: datetime

    def after(self, action: Action, now: datetime) -> Self:
        """Raises `ImportActionRefused`."""
        state = TRANSITIONS.get((self.state, action))
        if state is None:
            raise ImportActionRefused(
                "Only an import that was compared, and not yet applied, can be applied.",
                zh="只有已完成比对且尚未执行的导入可以执行。",
                state=self.state,
            )
        return replace(
            self, state=state, position=0, attempts=0, version=self.version + 1, updated_at=now
        )

    def failed(self, reason: str, now: datetime) -> Self:
        return replace(self.after(Action.FAIL, now), failure=reason)

    def advanced(self, position: int, now: datetime) -> Self:
        """After another step through the staged lines."""
        return replace(self, position=position, attempts=0, updated_at=now)

    def tried(self, now: datetime) -> Self:
        """After a step that failed; the last attempt fails the import."""
        if self.attempts + 1 < ATTEMPTS:
            return replace(self, attempts=self.attempts + 1, updated_at=now)
        return self.failed(
            "处理时多次出错，已停止；此前已导入的行仍然有效，可重新上传同一文件", now
        )
