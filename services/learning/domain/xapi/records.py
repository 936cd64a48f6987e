"""Statements on their way into the store, and which of them may enter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

from services.learning.domain.xapi.attachments import Part
from services.learning.domain.xapi.chinese import in_chinese
from services.learning.domain.xapi.contents import Figures
from services.learning.domain.xapi.rules import Defect, Json
from shared.context import worded
from shared.errors import DomainError

ERASED = "Leave out a person whose records were erased."


class MalformedStatement(DomainError):
    """A request that breaks the rules of xAPI; member ``errors`` lists every defect."""

    def __init__(self, defects: Sequence[Defect]) -> None:
        super().__init__(
            "Correct what is listed, then send it again.",
            zh="请修正所列问题后重新发送。",
            errors=[
                {"pointer": f"#{at}", "detail": worded(detail, in_chinese(detail))}
                for at, detail in defects
            ],
        )


class ErasedPeople(MalformedStatement):
    """People whose records were erased; ``places`` are theirs among the agents in question."""

    def __init__(self, places: Sequence[int]) -> None:
        super().__init__([Defect("", ERASED)])
        self.places = places


class StatementConflict(DomainError):
    """A statement with this id and other content is stored already."""


class StatementNotFound(DomainError):
    pass


class Overloaded(DomainError):
    """The class of client has its share of the queue: wait."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("Send it again later.", zh="请稍后重新发送。")
        self.retry_after = retry_after


class About(IntEnum):
    """What the object of a statement is."""

    ACTIVITY = 0
    ACTOR = 1
    STATEMENT = 2
    OTHER = 3


class Record(NamedTuple):
    """A statement that passed every rule, people replaced by pseudonyms.

    ``raw`` is its JSON; ``digest`` is of what makes it another one, and ``timeless`` of the
    same but for its timestamp; ``at`` that timestamp, None when it gave none; ``related`` the
    activities and actors that it names beside its own actor and object; ``points`` the knowledge
    points among them, where somebody did something with an activity.
    """

    id: UUID
    raw: bytes
    digest: bytes
    timeless: bytes
    at: datetime | None
    actor: UUID
    verb: UUID
    object: UUID
    about: About
    registration: UUID | None
    related: Sequence[UUID] | None
    figures: Figures
    voids: UUID | None
    points: Sequence[UUID] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """One request's statements: all of them are stored, or none.

    ``definitions`` say what is new about activities, by IRI.
    """

    application_id: int
    records: Sequence[Record]
    attachments: Sequence[Part] = ()
    definitions: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to insert, and per refused batch the id that is taken."""

    fresh: Sequence[tuple[Batch, Record]]
    refused: Mapping[int, UUID]


def plan(batches: Sequence[Batch], known: Mapping[UUID, bytes]) -> Plan:
    """Which records of `batches` are new, given the digests `known` by id.

    A batch with an id that stands for other content is refused as a whole; what it brings is not
    there for those behind it. Refused batches are named by their index. What was stored without a
    time may come again with the one that the store set (1.0.3 part 2 §2.3.1).
    """
    seen = dict(known)
    fresh: list[tuple[Batch, Record]] = []
    refused: dict[int, UUID] = {}
    for index, batch in enumerate(batches):
        taken = next(
            (
                each.id
                for each in batch.records
                if seen.get(each.id, each.digest) not in (each.digest, each.timeless)
            ),
            None,
        )
        if taken is not None:
            refused[index] = taken
            continue
        for each in batch.records:
            if each.id not in seen:
                seen[each.id] = each.digest
                fresh.append((batch, each))
    return Plan(fresh, refused)
