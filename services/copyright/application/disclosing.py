"""What only a holder still has, shown again: after the database was lost, and brought back from a
public log that has commitments alone, an evidence bundle proves who its owner is and what the work
is called."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from services.copyright.application.intake import Intake
from services.copyright.domain.evidence import Described
from services.copyright.domain.registrations import (
    NotTheirs,
    Party,
    Record,
    RegistrationDefective,
    ordered,
)
from services.copyright.verify.canonical import NotCanonical, subject_commitment, work_commitment
from services.copyright.verify.leaf import DESCRIBES_WORK, Leaf, parties_of
from shared.access import Rule
from shared.context import worded
from shared.database import UnitOfWork
from shared.errors import NotFound
from shared.principal import Principal

DISCLOSE = Rule("copyright.write")


class Disclosing:
    """Nothing is added to the log, which has had the commitments all along."""

    def __init__(self, new_uow: Callable[[], UnitOfWork], intake: Intake, issuer: str) -> None:
        self._new_uow = new_uow
        self._intake = intake
        self._issuer = issuer

    async def disclose(
        self,
        caller: Principal,
        registration_id: UUID,
        identity: Mapping[str, Any],
        salt: bytes,
        described: Described | None,
    ) -> Record:
        """Make the caller the party again that the log commits to by `identity` and `salt`, and
        keep again what is told of the work.

        Raises `NotFound`; `NotTheirs` where the identity is not the caller's;
        `RegistrationDefective` where the log does not commit to what is shown.
        """
        if (identity.get("issuer"), identity.get("person")) != (self._issuer, caller.subject):
            raise NotTheirs(
                "The identity is another person's: sign in as that person.",
                zh="所出示的身份属于他人，请以本人账号登录。",
            )
        async with self._new_uow() as uow:
            store = self._intake.store(uow.connection)
            record = await store.locked(registration_id)
            if record is None:
                raise NotFound("There is no such registration.", zh="没有这项登记。")
            leaves = [Leaf.parse(each) for each in await store.events(record.id)]
            commitment = _committed(subject_commitment, salt, identity)
            if commitment not in parties_of(leaves):
                raise _unfit("disclosure", "identity and salt", "身份与盐值")
            party = Party(caller.subject, str(commitment), identity, salt)
            await store.bring_back_party(record.id, party)
            if described is not None:
                record = await self._describe(uow, record, leaves, described)
            uow.audit.record(
                "registration.disclosed",
                f"registrations/{record.id}",
                organisation=record.organisation_path,
                described=described is not None,
            )
            return await uow.commit(record)

    async def _describe(
        self, uow: UnitOfWork, record: Record, leaves: Sequence[Leaf], described: Described
    ) -> Record:
        last = max((n for n, leaf in enumerate(leaves) if leaf.type in DESCRIBES_WORK), default=0)
        files = ordered(described.files)
        told = [each.described() for each in files]
        committed = _committed(work_commitment, described.salt, described.details, told)
        if committed is None or committed != leaves[last].work_commitment:
            raise _unfit("details", "facts, files and salt", "作品事项、文件与盐值")
        store = self._intake.store(uow.connection)
        record = replace(record, details=described.details, details_salt=described.salt)
        await store.save(record)
        await store.bring_back_files(record.id, last, files)
        return record


def _committed(commit: Callable[..., str], *told: Any) -> str | None:
    try:
        return commit(*told)
    except NotCanonical:
        return None


def _unfit(member: str, en: str, zh: str) -> RegistrationDefective:
    told = worded(
        f"The log commits to other {en}: send {member}.json of your evidence as it is.",
        f"日志中的承诺与所出示的{zh}不符，请原样提交证据包中的 {member}.json。",
    )
    return RegistrationDefective(
        "Correct what errors names.",
        zh="请更正 errors 所列各项。",
        errors=[{"pointer": f"#/{member}", "detail": told}],
    )
