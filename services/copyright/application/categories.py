"""The categories of works: a dictionary that an operator corrects, since the law's letters are not
all published."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.access import Role, Rule
from shared.database import UnitOfWork
from shared.errors import NotFound, StaleVersion
from shared.principal import Principal

CHANGE = Rule("copyright.write", frozenset({Role.ADMINISTRATOR}))


class CategoryStore(Protocol):
    async def all(self) -> Sequence[Mapping[str, Any]]: ...

    async def version(self, code: str) -> int | None:
        """That of a category, locked; None where there is none."""

    async def change(self, code: str, told: Mapping[str, Any]) -> None: ...


class Categories:
    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], CategoryStore],
    ) -> None:
        self._new_uow = new_uow
        self._store = store

    async def all(self) -> Sequence[Mapping[str, Any]]:
        """Every category, in order."""
        async with self._new_uow() as uow:
            return await self._store(uow.connection).all()

    async def change(
        self, caller: Principal, code: str, told: Mapping[str, Any], version: int
    ) -> int:
        """Correct a category as it was read; its new version. Raises `Forbidden`, `NotFound`,
        `StaleVersion`."""
        CHANGE.admit(caller, None)
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            current = await store.version(code)
            if current is None:
                raise NotFound("There is no such category.", zh="没有该作品类别。")
            if current != version:
                raise StaleVersion("Read the category again.", zh="请重新读取该类别。")
            await store.change(code, told)
            uow.audit.record("category.changed", f"categories/{code}", after=told)
            return await uow.commit(version + 1)
