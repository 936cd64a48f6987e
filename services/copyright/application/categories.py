"""The categories of works: a dictionary that an operator corrects, since the law's letters are not
all published."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from services.copyright.application.charge import require_in_charge
from services.copyright.domain.registrations import LetterTaken
from shared.access import Role, Rule
from shared.database import UnitOfWork
from shared.errors import NotFound, StaleVersion
from shared.principal import Principal

CHANGE = Rule("copyright.write", frozenset({Role.ADMINISTRATOR}))


class CategoryStore(Protocol):
    async def all(self) -> Sequence[Mapping[str, Any]]: ...

    async def locked(self) -> Sequence[Mapping[str, Any]]:
        """Every category, locked."""

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
        `StaleVersion`, `LetterTaken`."""
        require_in_charge(CHANGE, caller, None)
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            every = {each["code"]: each for each in await store.locked()}
            current = every.pop(code, None)
            if current is None:
                raise NotFound("There is no such category.", zh="没有该作品类别。")
            if current["version"] != version:
                raise StaleVersion("Read the category again.", zh="请重新读取该类别。")
            _require_unlike(every.values(), told)
            await store.change(code, told)
            uow.audit.record("category.changed", f"categories/{code}", after=told)
            return await uow.commit(version + 1)


def _require_unlike(others: Iterable[Mapping[str, Any]], told: Mapping[str, Any]) -> None:
    """A registration number tells its category by the letter."""
    for each in others:
        if told["letter"] is not None and told["letter"] == each["letter"]:
            raise LetterTaken(
                f"{each['name_en']} have the letter {told['letter']}: change that category first.",
                zh=f"字母 {told['letter']} 已用于“{each['name_zh']}”，请先修改该类别。",
            )
