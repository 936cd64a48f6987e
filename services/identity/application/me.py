"""What people see of themselves."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.identity.application.guardians import readable_children
from services.identity.application.people import PersonDetail
from services.identity.application.reach import note_read, person_of
from services.identity.application.stores import NewUow, OpenStores
from services.identity.domain.grants import RoleGrant
from services.identity.domain.identifiers import Identifier
from services.identity.domain.people import Person, Standing, offers
from shared.access import Rule
from shared.civil import civil_date
from shared.clock import Clock
from shared.errors import NotFound
from shared.principal import Principal

READ_OWN = Rule("identity.read")


@dataclass(frozen=True, slots=True)
class Mine:
    """An account as its owner sees it. ``grants`` are not over; ``children`` may be read of."""

    detail: PersonDetail
    identifiers: Sequence[Identifier]
    grants: Sequence[RoleGrant]
    children: Sequence[Person]


class Me:
    def __init__(self, new_uow: NewUow, stores: OpenStores, clock: Clock, minor_age: int) -> None:
        self._new_uow = new_uow
        self._stores = stores
        self._clock = clock
        self._minor_age = minor_age

    async def read(self, caller: Principal) -> Mine:
        """Raises `NotFound` for a client that acts for itself."""
        now = self._clock()
        day = civil_date(now)
        person_id = person_of(caller)
        async with self._new_uow() as uow:
            stores = self._stores(uow.connection)
            person = await stores.people.get(person_id)
            if person is None:
                raise NotFound("There is no such person.", zh="没有该人员。")
            identifiers = await stores.people.identifiers(person_id)
            grants = await stores.grants.of_person(person_id)
            links = await stores.guardians.of_guardian(person_id)
            children = list((await readable_children(stores, links, day)).values())
            for child in children:
                minor = child.is_minor(day, self._minor_age)
                note_read(uow, caller, child, minor, day, "name", "birth_date")
            minor = person.is_minor(day, self._minor_age)
            note_read(uow, caller, person, minor, day, "profile", "identifiers", "roles")
            detail = PersonDetail(person, minor, offers(person.state, Standing.SELF))
            mine = Mine(detail, identifiers, [e for e in grants if not e.over(now)], children)
            return await uow.commit(mine)
