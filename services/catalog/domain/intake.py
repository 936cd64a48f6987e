"""A bulk intake (批量入库): many drafts from one table of metadata and the files that it names.

    RECEIVED --stage--> EXTRACTING --extracted--> APPLYING --finish--> DONE
    any of these three: --fail--> FAILED, --cancel--> CANCELLED

The table is read as a whole, each file of the archive becomes an upload of its own, then each row
becomes a draft. What a row does is committed with its mark, so that an intake goes on where it was
stopped. A dry run goes the same way without effect.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, Self
from uuid import UUID

from services.catalog.domain.files import Refusal
from services.catalog.domain.resources import FileRole, Metadata
from services.catalog.domain.uploads import State as UploadState
from shared.errors import DomainError

TABLES = frozenset({"csv", "xlsx"})
ARCHIVES = frozenset({"zip"})
"""Ends of the names of files that can be one; inspection sees that what is in them agrees."""
MAX_TABLE_BYTES = 16 << 20
MAX_ROWS = 5000
MOST_UPLOADS = 1000
MAX_ATTEMPTS = 5


class State(StrEnum):
    RECEIVED = "RECEIVED"
    EXTRACTING = "EXTRACTING"
    APPLYING = "APPLYING"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


UNFINISHED = frozenset({State.RECEIVED, State.EXTRACTING, State.APPLYING})


class Outcome(StrEnum):
    """What became of a row; in a dry run, what would become of it."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"


class Reason(StrEnum):
    """The kinds of defects; stable, for programs."""

    MISSING = "missing"
    MALFORMED = "malformed"
    UNKNOWN = "unknown"
    AMBIGUOUS = "ambiguous"
    RETIRED = "retired"
    REPEATED = "repeated"
    REFUSED = "refused"
    NO_ROOM = "no-room"


class IntakeDefective(DomainError):
    """It cannot begin; ``errors`` lists every reason."""


class IntakeOver(DomainError):
    """It has come to its end; ``state`` tells which."""


class UnreadableTable(Exception):
    """The file as a whole is no table, or what it rests on was refused. The message says what to
    do, in the language of the request in hand."""


@dataclass(frozen=True, slots=True)
class Defect:
    """``column`` is the Chinese heading; None where the row as a whole is at fault."""

    column: str | None
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Named:
    """A file as a row names it: ``name`` is the full one that it has in the archive or among the
    uploads."""

    name: str
    role: FileRole
    column: str


@dataclass(frozen=True, slots=True)
class Row:
    """``line`` is the row of the file, headings counted; ``key`` the external key. A row with
    defects is rejected."""

    position: int
    line: int
    key: str | None
    metadata: Metadata
    files: Sequence[Named] = ()
    defects: Sequence[Defect] = ()


@dataclass(frozen=True, slots=True)
class IntakeFile:
    """A file under the name that rows call it. Of one from the archive of a dry run, or that could
    not be taken (``fault``), there is no upload."""

    name: str
    sha256: bytes
    upload_id: UUID | None = None
    fault: Defect | None = None
    upload_state: UploadState | None = None
    refusal: Sequence[Refusal] = ()

    @property
    def filename(self) -> str:
        return self.name.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Result:
    outcome: Outcome
    resource_id: UUID | None = None
    defects: Sequence[Defect] = ()


@dataclass(frozen=True, slots=True)
class Remarks:
    """What was passed over: headings that are none of ours, files that no row names; and how many
    rows have no external key."""

    ignored_columns: Sequence[str] = ()
    unused_files: Sequence[str] = ()
    rows_without_key: int = 0


@dataclass(frozen=True, slots=True)
class Intake:
    """``grants`` are what the owner's token bore when it began: by these rights it is carried out.
    ``language`` is that of what it
    reports. ``rows`` counts those of the table, once it is read. ``version`` is for ETags."""

    id: UUID
    owner: str
    client: str
    grants: Sequence[str]
    request_id: str
    language: Literal["zh", "en"]
    organisation_path: str | None
    table_upload_id: UUID
    archive_upload_id: UUID | None
    defaults: Metadata
    dry_run: bool
    state: State
    rows: int
    remarks: Remarks
    failure: str | None
    attempts: int
    version: int
    created_at: datetime
    updated_at: datetime

    def after(self, state: State, now: datetime, **fields: Any) -> Self:
        return replace(
            self, state=state, attempts=0, version=self.version + 1, updated_at=now, **fields
        )

    def cancelled(self, now: datetime) -> Self:
        """Raises `IntakeOver`."""
        if self.state not in UNFINISHED:
            raise IntakeOver(
                f"The import is {self.state} already.", zh="该导入已经结束。", state=self.state
            )
        return self.after(State.CANCELLED, now)


Counts = Mapping[Outcome, int]
