"""The term lists of machine review, as the province keeps them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.vocabularies import MANAGE, admit_of_province
from services.catalog.domain.term_lists import ListedTerm, TermList, TermListRefused, folded
from shared.access import Role, Rule
from shared.clock import Clock
from shared.context import worded
from shared.database import UnitOfWork
from shared.errors import NotFound, StaleVersion
from shared.principal import Principal

READ = Rule("catalog.read", frozenset({Role.ADMINISTRATOR}))


class TermListStore(Protocol):
    async def last(self, name: str) -> int:
        """The last version of that list, 0 where there is none; none is added by others until the
        transaction ends."""
        ...

    async def add(self, made: TermList, person: str, now: datetime) -> None: ...

    async def page(self, limit: int, after: tuple[str, int]) -> Sequence[TermList]:
        """By name and version."""
        ...

    async def version(self, name: str, version: int | None) -> TermList | None:
        """None: the last."""
        ...


class TermLists:
    """Every version is audited, and stays."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], TermListStore],
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._clock = clock

    async def page(
        self, caller: Principal, limit: int, after: tuple[str, int]
    ) -> Sequence[TermList]:
        """Every version of every list. Raises `Forbidden`."""
        admit_of_province(READ, caller)
        async with self._new_uow() as uow:
            return await self._store(uow.connection).page(limit, after)

    async def read(self, caller: Principal, name: str, version: int | None) -> TermList:
        """A version of a list, the last where none is named. Raises `Forbidden`, `NotFound`."""
        admit_of_province(READ, caller)
        async with self._new_uow() as uow:
            found = await self._store(uow.connection).version(name, version)
        if found is None:
            raise NotFound("There is no such version of a list.", zh="没有该词表或版本。")
        return found

    async def add(
        self,
        caller: Principal,
        name: str,
        version: int,
        effective_from: datetime | None,
        effective_until: datetime | None,
        terms: Sequence[ListedTerm],
    ) -> TermList:
        """The next version of a list, after the last `version` that the caller knows of, 0: the
        first; in effect from now unless told otherwise. What was judged by another stays so.

        Raises `Forbidden`, `StaleVersion`, `TermListRefused`.
        """
        admit_of_province(MANAGE, caller)
        async with self._new_uow() as uow:
            store, now = self._store(uow.connection), self._clock()
            if await store.last(name) != version:
                raise StaleVersion
            made = TermList(name, version + 1, effective_from or now, effective_until, terms)
            _check(made)
            await store.add(made, caller.subject, now)
            told = [[each.term, each.category] for each in terms]
            uow.audit.record(
                "term_list.added", name, after=told, version=made.version, terms=len(terms)
            )
            return await uow.commit(made)


def _check(made: TermList) -> None:
    errors = [
        {
            "pointer": f"#/terms/{index}/term",
            "detail": worded(
                "Nothing is left of it when it is compared.", "该词没有可比对的字符。"
            ),
        }
        for index, each in enumerate(made.terms)
        if not folded(each.term)[0]
    ]
    if made.effective_until is not None and made.effective_until <= made.effective_from:
        detail = worded("It ends before it begins.", "失效时间早于生效时间。")
        errors.append({"pointer": "#/effective_until", "detail": detail})
    if errors:
        raise TermListRefused("Correct what errors name.", zh="请改正所列各项。", errors=errors)
