"""Who somebody might be already: one person has one account."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from services.identity.application.reach import MANAGE, is_reached, note_read
from services.identity.application.stores import NewUow, OpenStores, PeopleStore
from services.identity.domain.identifiers import IdentifierKey, twin
from services.identity.domain.people import Person
from shared.civil import civil_date
from shared.clock import Clock
from shared.errors import Forbidden
from shared.principal import Principal


class Reason(StrEnum):
    """What two people have in common, the surest first."""

    ID_NUMBER = "id_number"
    STUDENT_NUMBER = "student_number"
    ID_NUMBER_IN_STUDENT_NUMBER = "id_number_in_student_number"
    PHONE = "phone"
    NAME_AND_BIRTH_DATE = "name_and_birth_date"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Probe:
    """What is known of somebody who may have an account already."""

    name: str | None = None
    birth_date: date | None = None
    keys: Sequence[IdentifierKey] = ()


Likeness = dict[UUID, set[Reason]]
"""Who somebody might be, and why."""


async def find_duplicates(people: PeopleStore, probes: Sequence[Probe]) -> list[Likeness]:
    """For each probe the people like it: two statements for all of them together.

    The birth dates of everybody with a wanted name are decrypted: leave names out of probes whose
    numbers suffice.
    """
    wanted = [_wanted(probe) for probe in probes]
    holders: dict[IdentifierKey, list[UUID]] = {}
    for holder in await people.holders(list({key for each in wanted for key in each})):
        holders.setdefault(holder.key, []).append(holder.person_id)
    namesakes = await people.named({probe.name for probe in probes if probe.name})
    found: list[Likeness] = []
    for probe, keys in zip(probes, wanted, strict=True):
        likeness: Likeness = {}
        for key, reason in keys.items():
            for person_id in holders.get(key, ()):
                likeness.setdefault(person_id, set()).add(reason)
        for person in namesakes.get(probe.name or "", ()):
            likeness.setdefault(person.id, set()).add(_namesake(probe, person))
        found.append(likeness)
    return found


def _wanted(probe: Probe) -> dict[IdentifierKey, Reason]:
    """The identifiers by which somebody like the probe may be known."""
    wanted: dict[IdentifierKey, Reason] = {}
    for key in probe.keys:
        other = twin(key)
        if other is not None:
            wanted.setdefault(other, Reason.ID_NUMBER_IN_STUDENT_NUMBER)
    for key in probe.keys:
        wanted[key] = Reason(key.kind)
    return wanted


def _namesake(probe: Probe, person: Person) -> Reason:
    born = person.profile.birth_date if person.profile else None
    same = probe.birth_date is not None and probe.birth_date == born
    return Reason.NAME_AND_BIRTH_DATE if same else Reason.NAME


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody whom the described person may be. ``reached``: whether the caller administers
    them; else no more than the reasons is told."""

    person: Person
    reasons: Sequence[Reason]
    reached: bool


class Duplicates:
    def __init__(self, new_uow: NewUow, stores: OpenStores, clock: Clock, minor_age: int) -> None:
        self._new_uow = new_uow
        self._stores = stores
        self._clock = clock
        self._minor_age = minor_age

    async def search(self, caller: Principal, probe: Probe) -> list[Candidate]:
        """The people like the probe, the surest first; namesakes only within reach.

        Raises `Forbidden`.
        """
        if not MANAGE.holds(caller, None):
            raise Forbidden("Administrators look for duplicates.", zh="仅管理员可以查重。")
        day = civil_date(self._clock())
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            (likeness,) = await find_duplicates(stores.people, [probe])
            people = await stores.people.several(likeness)
            found = []
            for person_id, reasons in likeness.items():
                person = people[person_id]
                within = is_reached(MANAGE, caller, person, day)
                if not within and reasons == {Reason.NAME}:
                    continue
                minor = person.is_minor(day, self._minor_age)
                note_read(uow, caller, person, minor, day, "duplicates")
                found.append(Candidate(person, sorted(reasons, key=list(Reason).index), within))
            uow.audit.record(
                "people.duplicates.search",
                "people",
                organisation=next(iter(MANAGE.admitted_paths(caller)), None),
                by=[*(key.kind for key in probe.keys), *(["name"] if probe.name else [])],
                found=len(found),
            )
            found.sort(key=lambda each: list(Reason).index(each.reasons[0]))
            return await uow.commit(found)
