"""Registering works by hand."""

from collections.abc import Callable, Mapping
from uuid import UUID

from services.copyright.application.holders import is_anothers
from services.copyright.application.intake import HAND, Intake
from services.copyright.application.journal import Act, authenticated
from services.copyright.domain.registrations import (
    NotTheirs,
    Record,
    RegistrationDefective,
    Work,
    defects,
    identified,
)
from shared.access import Rule
from shared.civil import civil_date
from shared.context import worded
from shared.database import UnitOfWork
from shared.errors import Forbidden
from shared.principal import Principal

REGISTER = Rule("copyright.write")


class Registrations:
    def __init__(self, new_uow: Callable[[], UnitOfWork], intake: Intake) -> None:
        self._new_uow = new_uow
        self._intake = intake

    async def register(
        self, caller: Principal, work: Work, resource_id: UUID | None, organisation: str | None
    ) -> Record:
        """Register a work of the caller's, which may belong to a resource of theirs. Raises
        `RegistrationDefective`, `Forbidden`, `NotTheirs`."""
        if organisation is not None and not _belongs(caller, organisation):
            raise Forbidden(
                "None of your roles is held at that organisation.", zh="您在该机构没有任何角色。"
            )
        async with self._new_uow() as uow:
            store = self._intake.store(uow.connection)
            self._require_sound(work, await store.letters())
            if resource_id is not None and await is_anothers(store, resource_id, caller.subject):
                raise NotTheirs(
                    "The resource is registered, and another holds it. To claim its work, open a"
                    " dispute about that registration.",
                    zh="该资源已由他人登记；如对其作品主张权利，请对该登记提出异议。",
                )
            record = self._intake.new(work, HAND, resource_id, organisation)
            fields = {
                **identified(work.files),
                **await self._intake.licensed(store, record, work.licence),
            }
            act = Act(
                "register",
                caller.subject,
                authenticated(caller),
                fields=fields,
                files=work.files,
                named=work.named(),
            )
            return await uow.commit(await self._intake.journal(uow).append(record, act))

    def _require_sound(self, work: Work, letters: Mapping[str, str | None]) -> None:
        found = [
            {"pointer": f"#/{name}", "detail": worded(en, zh)}
            for name, en, zh in defects(work, letters, civil_date(self._intake.clock()))
        ]
        if found:
            raise RegistrationDefective(
                "Correct what errors names.", zh="请更正 errors 所列各项。", errors=found
            )


def _belongs(caller: Principal, organisation: str) -> bool:
    return any(
        str(grant).partition("@")[2].partition("#")[0] == organisation
        for grant in caller.claims.get("grants", ())
    )
