"""Consent of guardians, by purpose and version, and the dictionary of purposes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from services.identity.application.guardians import readable_by_guardian, withdraw
from services.identity.application.reach import (
    READ,
    is_self,
    note_read,
    person_of,
    place_of,
    reached,
)
from services.identity.application.stores import (
    NewUow,
    OpenStores,
    Revocations,
    Stores,
)
from services.identity.domain import events_people as events
from services.identity.domain.consent_purposes import STARTER_PURPOSES
from services.identity.domain.guardians import (
    Consent,
    ConsentGiven,
    ConsentOver,
    NotGuardian,
    Purpose,
    PurposeOutdated,
    PurposePlanned,
    PurposeUnknown,
    current_purposes,
    may_guard,
    overtaken,
)
from services.identity.domain.organisations import is_province
from shared.access import Role, Rule
from shared.civil import civil_date
from shared.clock import Clock
from shared.errors import Forbidden, NotFound
from shared.ids import uuid7
from shared.principal import Principal

GIVE_CONSENT = Rule("identity.manage", frozenset({Role.GUARDIAN}))
READ_CONSENTS = Rule("identity.read", READ.roles, own=True)
PUBLISH = Rule("identity.manage", frozenset({Role.SECURITY_ADMINISTRATOR}))
REVOKED_AT_ONCE = 200
"""Revocations in one transaction: few enough for their commit to come in time."""


@dataclass(frozen=True, slots=True)
class Purposes:
    """Every version of every purpose; ``current`` names the version that consent is asked for."""

    versions: Sequence[Purpose]
    current: dict[str, Purpose]


class Consents:
    def __init__(
        self,
        new_uow: NewUow,
        stores: OpenStores,
        clock: Clock,
        minor_age: int,
        revocations: Revocations,
    ) -> None:
        self._new_uow = new_uow
        self._stores = stores
        self._clock = clock
        self._minor_age = minor_age
        self._revocations = revocations

    async def of_child(self, caller: Principal, child_id: UUID) -> list[Consent]:
        """For the child, the guardians and administrators. Raises `NotFound`."""
        day = civil_date(self._clock())
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            child = await stores.people.get(child_id)
            if child is None or not (
                is_self(caller, child_id) or await readable_by_guardian(stores, caller, child, day)
            ):
                child = reached(READ, caller, child, day)
            minor = child.is_minor(day, self._minor_age)
            note_read(uow, caller, child, minor, day, "consents")
            return await uow.commit(await stores.guardians.consents(child_id))

    async def give(self, caller: Principal, child_id: UUID, purpose: str, version: int) -> Consent:
        """Consent as one of the child's guardians; the guardian's consent to an older version of
        the purpose ends with it.

        Raises `NotFound`, `NotGuardian`, `PurposeUnknown`, `PurposeOutdated`, `ConsentGiven`.
        """
        now = self._clock()
        guardian_id = person_of(caller)
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            child = await stores.people.get(child_id, lock=True)
            link = await stores.guardians.between(guardian_id, child_id)
            if child is None or link is None:
                raise NotFound("There is no such child of yours.", zh="没有找到您的这名孩子。")
            guardian = await stores.people.get(guardian_id)
            fit = guardian is not None and may_guard(guardian, child, civil_date(now))
            if not link.effective or not fit:
                raise NotGuardian(
                    "Consent takes a verified guardian without restriction.",
                    zh="仅已核实且未受限的监护人可以同意。",
                )
            current = current_purposes(await stores.guardians.purposes(), now).get(purpose)
            if current is None:
                raise PurposeUnknown(
                    "Choose one of the consent purposes.", zh="请选择已公布的授权目的。"
                )
            if current.version != version:
                raise PurposeOutdated(
                    f"Read version {current.version} of the text, then consent to it.",
                    zh=f"请阅读第 {current.version} 版说明后再同意。",
                    version=current.version,
                )
            given = await stores.guardians.consents(child_id, guardian_id)
            standing = [e for e in given if e.purpose == purpose and e.withdrawn_at is None]
            if any(each.purpose_version == version for each in standing):
                raise ConsentGiven(
                    "There is nothing to do: this version is consented to.",
                    zh="已同意该版本，无需再次操作。",
                )
            await withdraw(uow, stores, self._revocations, standing, now)
            consent = Consent(uuid7(), child_id, guardian_id, purpose, version, now)
            await stores.guardians.add_consent(consent)
            uow.audit.record(
                "consent.give",
                str(child_id),
                organisation=place_of(child, civil_date(now)),
                consent=consent.id,
                purpose=purpose,
                version=version,
            )
            uow.outbox.append(
                events.ConsentGiven(consent.id, child_id, guardian_id, purpose, version)
            )
            return await uow.commit(consent)

    async def withdraw(self, caller: Principal, consent_id: UUID) -> Consent:
        """By any effective guardian of the child, whoever consented.

        Raises `NotFound`, `ConsentOver`.
        """
        now = self._clock()
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            consent = await self._withdrawable(stores, caller, consent_id)
            if consent.withdrawn_at is not None:
                raise ConsentOver(
                    "It was withdrawn before: there is nothing more to do.",
                    zh="该同意此前已撤回，无需再次操作。",
                )
            await withdraw(uow, stores, self._revocations, [consent], now)
            return await uow.commit(consent.withdrawn(caller.subject, now))

    async def _withdrawable(self, stores: Stores, caller: Principal, consent_id: UUID) -> Consent:
        found = await stores.guardians.consent(consent_id)
        child = await stores.people.get(found.child_id, lock=True) if found else None
        consent = await stores.guardians.consent(consent_id)
        if (
            child is None
            or consent is None
            or not await readable_by_guardian(stores, caller, child, civil_date(self._clock()))
        ):
            raise NotFound(
                "There is no such consent for a child of yours.", zh="没有找到您孩子的这项同意。"
            )
        return consent

    async def purposes(self) -> Purposes:
        async with self._new_uow() as uow:
            versions = await self._stores(uow.connection).guardians.purposes()
        return Purposes(versions, current_purposes(versions, self._clock()))

    async def publish(
        self, caller: Principal, purpose: Purpose, *, overtaking: bool = False
    ) -> Purpose:
        """The next version of a purpose, or the first of a new one, whatever version `purpose`
        names. It takes effect now unless ``effective_at`` is later; then consents to older
        versions cease to count, and tokens that carry what they covered are void: at once where it
        takes effect now. Versions that are planned for later never take effect then: that is
        refused unless `overtaking`.

        Raises `Forbidden`, `PurposePlanned`, `PurposeOutdated` when another version is published
        meanwhile.
        """
        if not any(map(is_province, PUBLISH.admitted_paths(caller))):
            raise Forbidden(
                "The security administrator of the province publishes purposes.",
                zh="授权目的由省级安全管理员公布。",
            )
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            known = await stores.guardians.purposes()
            versions = [each.version for each in known if each.purpose == purpose.purpose]
            now = self._clock()
            published = replace(
                purpose,
                version=max(versions, default=0) + 1,
                effective_at=max(purpose.effective_at, now),
            )
            planned = overtaken(known, published, now)
            if planned and not overtaking:
                numbers = ", ".join(map(str, planned))
                raise PurposePlanned(
                    f"Version {numbers} is planned for later and would never take effect: choose a"
                    " later day, or say overtakes_planned: true.",
                    zh=f"第 {numbers} 版已计划在其后生效，将因此作废：请改为更晚的生效时间，"
                    "或设置 overtakes_planned: true。",
                    versions=planned,
                )
            if not await stores.guardians.add_purposes([published]):
                raise PurposeOutdated(
                    "Another version was published just now: read it first.",
                    zh="刚刚公布了另一版本，请先阅读。",
                )
            uow.audit.record(
                "consent-purpose.publish",
                purpose.purpose,
                version=published.version,
                scopes=sorted(published.scopes),
                effective_at=published.effective_at,
                overtaken=planned,
            )
            await uow.commit(published)
        if published.effective_at <= self._clock():
            await self._uncover(published.purpose)
        return published

    async def _uncover(self, purpose: str) -> None:
        """Void the tokens of the children for whom a consent to the purpose stands."""
        async with self._new_uow() as uow:
            children = await self._stores(uow.connection).guardians.consenting(purpose)
        for first in range(0, len(children), REVOKED_AT_ONCE):
            async with self._new_uow() as uow:
                for child_id in children[first : first + REVOKED_AT_ONCE]:
                    await self._revocations.revoke(uow, "consent", str(child_id))
                await uow.commit()

    async def settle(self) -> None:
        """Enter the purposes that every deployment begins with, unless they are there."""
        async with self._new_uow() as uow:
            await self._stores(uow.connection).guardians.add_purposes(STARTER_PURPOSES)
            await uow.commit()
