"""From where somebody looks at homework, which decides what they see of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.learning.application.assignments_ports import AssignmentStore
from services.learning.application.directory import STAFF, Directory
from services.learning.domain.assignments import Assignment, State, Taker
from shared.access import Role, Rule, grants_of
from shared.errors import Forbidden, NotFound, StaleVersion
from shared.principal import Principal

READ = Rule("learning.read")
SURVEY = Rule("learning.read", STAFF, own=True)
CREATE = Rule("learning.write", STAFF)
MANAGE = Rule("learning.write", frozenset({Role.ADMINISTRATOR}), own=True)
HAND_IN = Rule("learning.write", own=True)
MARK = Rule("learning.write", STAFF)
LOAD = Rule("learning.read", STAFF)


@dataclass(frozen=True, slots=True)
class Sight:
    """``staff`` see the answers to its items, its ``manager`` changes it, ``takers`` are the caller
    and the caller's children who take it."""

    assignment: Assignment
    staff: bool
    manager: bool
    takers: Sequence[Taker]


def works_at(caller: Principal, path: str, subject: str) -> bool:
    """Whether the caller teaches that subject or administers at or above `path`."""
    return any(
        each.role in STAFF and each.covers(path) and each.subject in (None, subject)
        for each in grants_of(caller)
    )


def work_places(caller: Principal, subject: str) -> list[str]:
    """Where the caller teaches that subject, or administers."""
    return [
        each.path
        for each in grants_of(caller)
        if each.role in STAFF and each.subject in (None, subject)
    ]


def manages(caller: Principal, assignment: Assignment) -> bool:
    """Whether the caller administers there, or owns it: what pupils know of, while the caller still
    works there."""
    path = assignment.organisation_path
    if MANAGE.holds(caller, path):
        return True
    return assignment.owner == caller.subject and (
        assignment.state is State.DRAFT or CREATE.holds(caller, path)
    )


async def seen(
    store: AssignmentStore,
    directory: Directory,
    caller: Principal,
    assignment: Assignment | None,
    day: date,
) -> Sight:
    """What the caller sees of it. Raises `NotFound` for what is not, or what the caller may not
    know."""
    if assignment is not None:
        people = [caller.subject, *await directory.children(caller.subject)]
        takers = await store.takers(assignment.id, people, day)
        if await _by_work(store, caller, assignment):
            manager = manages(caller, assignment)
            return Sight(assignment, staff=True, manager=manager, takers=takers)
        if takers:
            return Sight(assignment, staff=False, manager=False, takers=takers)
    raise NotFound("There is no such homework.", zh="没有该作业。")


async def managed(
    store: AssignmentStore, caller: Principal, assignment_id: UUID, version: int | None = None
) -> Assignment:
    """The homework, locked, which the caller manages and, given a version, has read as it is.

    Raises `NotFound`, `Forbidden`, `StaleVersion`.
    """
    assignment = await store.locked(assignment_id)
    if assignment is None or not await _by_work(store, caller, assignment):
        raise NotFound("There is no such homework.", zh="没有该作业。")
    if not manages(caller, assignment):
        raise Forbidden(
            "Its owner changes it while teaching there, or an administrator above.",
            zh="仅仍在该处任教的布置教师及上级管理员可以修改。",
        )
    if version is not None and assignment.version != version:
        raise StaleVersion
    return assignment


async def _by_work(store: AssignmentStore, caller: Principal, assignment: Assignment) -> bool:
    if assignment.owner == caller.subject or manages(caller, assignment):
        return True
    if assignment.state is State.DRAFT:
        return False
    subject = assignment.plan.subject
    if works_at(caller, assignment.organisation_path, subject):
        return True
    classes = await store.classes(assignment.id) if work_places(caller, subject) else []
    return any(works_at(caller, each.path, subject) for each in classes)
