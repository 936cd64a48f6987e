"""Whom a caller reaches: themselves, the people of the organisations that they administer."""

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

from services.identity.application.stores import Stores
from services.identity.domain.grants import RoleGrant
from services.identity.domain.organisations import is_beside_provinces, is_province
from services.identity.domain.people import (
    AccountBeyondReach,
    OwnAccount,
    Person,
    Standing,
    civil_date,
    explain,
)
from shared.access import Role, Rule
from shared.context import current
from shared.database import UnitOfWork
from shared.errors import NotFound
from shared.principal import Principal

READ = Rule("identity.read", frozenset({Role.ADMINISTRATOR}))
MANAGE = Rule("identity.manage", frozenset({Role.ADMINISTRATOR}))


def reaches(rule: Rule, caller: Principal, path: str | None) -> bool:
    """Whether the rule holds at `path`. Institutions beside the provinces, and people who belong
    nowhere (None), are looked after from the province."""
    if path is not None and rule.holds(caller, path):
        return True
    at_root = path is None or is_beside_provinces(path)
    return at_root and any(map(is_province, rule.admitted_paths(caller)))


def is_self(caller: Principal, person_id: UUID) -> bool:
    return caller.subject == str(person_id)


def person_of(caller: Principal) -> UUID:
    """The person who calls. Raises `NotFound` for a client that acts for itself."""
    try:
        return UUID(caller.subject)
    except ValueError:
        raise NotFound(
            "This is for people: sign in as one.", zh="此功能仅供个人使用，请以个人账号登录。"
        ) from None


def place_of(person: Person, day: date) -> str | None:
    """The organisation under which what happens to the person is audited."""
    return next(iter(person.paths(day)), None)


def is_reached(rule: Rule, caller: Principal, person: Person, day: date) -> bool:
    """Whether the rule holds at one of the person's organisations."""
    return any(reaches(rule, caller, path) for path in person.paths(day) or (None,))


def reached(rule: Rule, caller: Principal, person: Person | None, day: date) -> Person:
    """The person, where the rule reaches them. Raises `NotFound`."""
    if person is None or not is_reached(rule, caller, person, day):
        raise NotFound(
            "There is no such person within your reach.", zh="您的管理范围内没有该人员。"
        )
    return person


def standing(
    caller: Principal, person: Person, grants: Iterable[RoleGrant], now: datetime, day: date
) -> Standing:
    """What the caller is to the person, in managing the account."""
    if is_self(caller, person.id):
        return Standing.SELF
    if MANAGE.scope not in caller.scopes or not is_reached(MANAGE, caller, person, day):
        return Standing.OTHER
    roles = [each.path for each in grants if not each.over(now)]
    opened = (*person.paths(day), *roles)
    whole = all(reaches(MANAGE, caller, path) for path in opened)
    return Standing.REACHES_ALL if whole else Standing.REACHES_SOME


async def governed(stores: Stores, caller: Principal, person_id: UUID, now: datetime) -> Person:
    """The person, locked, over whose whole account the caller has authority.

    Raises `NotFound`, `OwnAccount`, `AccountBeyondReach`.
    """
    day = civil_date(now)
    person = await stores.people.get(person_id, lock=True)
    if person is not None and is_self(caller, person_id):
        raise OwnAccount(explain("own_account"))
    person = reached(MANAGE, caller, person, day)
    held = await stores.grants.of_person(person_id)
    if standing(caller, person, held, now, day) is not Standing.REACHES_ALL:
        raise AccountBeyondReach(explain("beyond_reach"))
    return person


def note_read(
    uow: UnitOfWork, caller: Principal, person: Person, minor: bool, day: date, *fields: str
) -> None:
    """Audit that somebody else reads a minor's data, in their name too, for the guardians to
    see."""
    by_themselves = is_self(caller, person.id) and current().on_behalf_of is None
    if minor and not by_themselves:
        uow.audit.record(
            "person.read", str(person.id), organisation=place_of(person, day), fields=fields
        )
