"""Who may look at what is known of a learner."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from services.learning.application.directory import STAFF, Directory
from services.learning.domain.directory import Organisation
from shared.access import Rule
from shared.civil import civil_date
from shared.clock import Clock
from shared.database import UnitOfWork
from shared.errors import NotFound
from shared.principal import Principal

OWN = Rule("learning.read")
"""The learner and the learner's guardians."""
WATCH = Rule("learning.read", STAFF, own=True)
"""Whoever teaches the learner or answers for the school, too."""
WRITE = Rule("learning.write", STAFF)


class Pupils(Protocol):
    async def classes_of(self, person: str, day: date) -> Sequence[Organisation]:
        """The open organisations at which `person` is a pupil on `day`, by path."""
        ...


class Learners:
    """Finds a learner for a caller. That another than the learner looked is audited: most learners
    are minors."""

    def __init__(
        self,
        pupils: Callable[[AsyncConnection], Pupils],
        directory: Callable[[AsyncConnection], Directory],
        clock: Clock,
    ) -> None:
        self._pupils = pupils
        self._directory = directory
        self._clock = clock

    async def read(
        self, uow: UnitOfWork, caller: Principal, person: str, rule: Rule, what: str
    ) -> None:
        """Commits the audit entry. Raises `NotFound` for whom the caller may not know."""
        if caller.subject == person:
            return
        children = await self._directory(uow.connection).children(caller.subject)
        path = None
        if person not in children:
            path = (await self.reached(uow, caller, person, rule)).path
        uow.audit.record(what, person, organisation=path)
        await uow.commit()

    async def reached(
        self, uow: UnitOfWork, caller: Principal, person: str, rule: Rule
    ) -> Organisation:
        """The place of a pupil that one of the caller's roles covers. Raises `NotFound`."""
        if rule.roles:
            day = civil_date(self._clock())
            for each in await self._pupils(uow.connection).classes_of(person, day):
                if rule.holds(caller, each.path):
                    return each
        raise NotFound("There is no such learner.", zh="没有该学生。")
