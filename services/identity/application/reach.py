"""Whom a caller reaches: themselves, the people of the organisations that they administer."""

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

from services.identity.application.stores import Stores
from services.identity.domain.grants import RoleGrant, governor_of
from services.identity.domain.guardians import GuardianshipState
from services.identity.domain.organisations import is_beside_provinces, is_province
from services.identity.domain.people import (
    AccountBeyondReach,
    OwnAccount,
    Person,
    Standing,
    civil_date,
    explain,
)
from shared.access import Role, Rule, grants_of
from shared.context import current
from shared.database import UnitOfWork
from shared.errors import NotFound
from shared.principal import Principal

READ = Rule("identity.read", frozenset({Role.ADMINISTRATOR}))
MANAGE = Rule("identity.manage", frozenset({Role.ADMINISTRATOR}))
INVITE = Rule(
    "identity.manage",
    frozenset({Role.ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR, Role.AUDITOR}),
)
"""Which of them invites whom is `governor_of`."""


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
    held = [each for each in grants if not each.over(now)]
    if governor_of(each.role for each in held) != Role.ADMINISTRATOR:
        return Standing.APART
    whole = _reaches_whole(MANAGE, caller, person, held, day)
    return Standing.REACHES_ALL if whole else Standing.REACHES_SOME


async def governed(
    stores: Stores,
    caller: Principal,
    person_id: UUID,
    now: datetime,
    rule: Rule = MANAGE,
    *,
    removes_factors: bool = False,
) -> Person:
    """The person, locked, over whose whole account the caller has authority: by a role that `rule`
    admits, and that is the account's `governor_of`.

    Raises `NotFound`, `OwnAccount`, `AccountBeyondReach`.
    """
    day = civil_date(now)
    person = await stores.people.get(person_id, lock=True)
    if person is not None and is_self(caller, person_id):
        raise OwnAccount(explain("own_account"))
    person = reached(rule, caller, person, day)
    held = [each for each in await stores.grants.of_person(person_id) if not each.over(now)]
    guardian = removes_factors and await _is_guardian(stores, person_id)
    governor = Role(governor_of((each.role for each in held), guardian=guardian))
    if governor not in rule.roles & {each.role for each in grants_of(caller)}:
        raise AccountBeyondReach(explain("separated"))
    like = Rule(rule.scope, frozenset({governor}))
    if not _reaches_whole(like, caller, person, held, day):
        raise AccountBeyondReach(explain("beyond_reach"))
    return person


async def _is_guardian(stores: Stores, person_id: UUID) -> bool:
    links = await stores.guardians.of_guardian(person_id)
    return any(each.state is not GuardianshipState.ENDED for each in links)


def _reaches_whole(
    rule: Rule, caller: Principal, person: Person, held: Iterable[RoleGrant], day: date
) -> bool:
    """Whether the rule holds at every organisation that the account opens, and somewhere at all."""
    opened = (*person.paths(day), *(each.path for each in held))
    return all(reaches(rule, caller, path) for path in opened or (None,))


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
