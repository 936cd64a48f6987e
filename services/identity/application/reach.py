"""Whom a caller reaches: themselves, the people of the organisations that they administer."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from services.identity.application.stores import Revocations, Stores
from services.identity.domain.grants import (
    SEPARATED,
    HolderUnfit,
    RoleGrant,
    fits,
    governor_of,
    keeper_of,
)
from services.identity.domain.guardians import GuardianshipState
from services.identity.domain.organisations import is_beside_provinces, is_province
from services.identity.domain.people import AccountBeyondReach, OwnAccount, Person, Standing, State
from shared.access import Role, Rule
from shared.civil import civil_date
from shared.context import acting, current
from shared.database import UnitOfWork
from shared.errors import NotFound
from shared.principal import Principal

READ = Rule("identity.read", frozenset({Role.ADMINISTRATOR}))
MANAGE = Rule("identity.manage", frozenset({Role.ADMINISTRATOR}))
INVITE = Rule(
    "identity.manage",
    frozenset({Role.ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR, Role.AUDITOR}),
)
"""Which of them invites whom is `keeper_of`."""
NOWHERE = (None,)


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


def place_of(person: Person, day: date, caller: Principal | None = None) -> str | None:
    """The organisation under which what happens to the person is audited: of several, one that the
    `caller` administers."""
    paths = person.paths(day)
    reached = (path for path in paths if caller and reaches(MANAGE, caller, path))
    return next(reached, next(iter(paths), None))


def is_reached(rule: Rule, caller: Principal, person: Person, day: date) -> bool:
    """Whether the rule holds at one of the person's organisations."""
    return any(reaches(rule, caller, path) for path in person.paths(day) or NOWHERE)


def reached(rule: Rule, caller: Principal, person: Person | None, day: date) -> Person:
    """The person, where the rule reaches them. Raises `NotFound`."""
    if person is None or not is_reached(rule, caller, person, day):
        raise _no_person()
    return person


def _no_person() -> NotFound:
    return NotFound("There is no such person within your reach.", zh="您的管理范围内没有该人员。")


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
    governor: Callable[[Iterable[str]], str | None] = governor_of,
) -> Person:
    """The person, locked, over whose whole account the caller has authority as administrator;
    `governor` tells whose authority the roles held there ask for.

    Raises `NotFound`, `OwnAccount`, `AccountBeyondReach`.
    """
    day = civil_date(now)
    person = await stores.people.get(person_id, lock=True)
    if person is not None and is_self(caller, person_id):
        raise OwnAccount
    person = reached(MANAGE, caller, person, day)
    held = [each for each in await stores.grants.of_person(person_id) if not each.over(now)]
    _check_authority(MANAGE, caller, governor(each.role for each in held), person, held, day)
    return person


async def invited(
    stores: Stores,
    caller: Principal,
    person_id: UUID,
    now: datetime,
    *,
    has_factor: bool,
    removes_factors: bool,
) -> Person:
    """The person, locked, whom the caller may hand a link that opens the account: it opens the
    records of a guardian's children too. Guardians who belong nowhere are reached through them.
    Holders of one of the three offices are helped from above.

    Raises `NotFound`, `OwnAccount`, `AccountBeyondReach`.
    """
    day = civil_date(now)
    person = await stores.people.get(person_id, lock=True)
    if person is not None and is_self(caller, person_id):
        raise OwnAccount
    wards = await _wards(stores, person_id, day)
    paths: tuple[str | None, ...] = person.paths(day) if person else ()
    if person is None or not any(
        reaches(INVITE, caller, path) for path in paths or wards or NOWHERE
    ):
        raise _no_person()
    held = [each for each in await stores.grants.of_person(person_id) if not each.over(now)]
    bare = removes_factors or (person.state is State.ACTIVE and not has_factor)
    keeper = keeper_of((each.role for each in held), guardian=bare and bool(wards))
    _check_authority(INVITE, caller, keeper, person, held, day, *wards)
    if not all(_is_below(caller, each) for each in held if each.role in SEPARATED):
        raise AccountBeyondReach(
            "The person holds your own office beside you. Ask one of that role above you both, or "
            "have a security administrator end the role first.",
            zh="该人员与您担任同级同类岗位：请由上级同类管理员办理，或先由安全管理员终止其岗位。",
        )
    return person


def _is_below(caller: Principal, office: RoleGrant) -> bool:
    """Whether the caller holds the like of an office above it. With a peer's account somebody could
    do to their own what is left to others."""
    like = Rule(INVITE.scope, frozenset({Role(office.role)}))
    above = office.path.rpartition(".")[0] or None
    return not is_province(office.path) and reaches(like, caller, above)


async def grow_younger(
    uow: UnitOfWork,
    stores: Stores,
    revocations: Revocations,
    before: Person,
    after: Person,
    now: datetime,
    minor_age: int,
) -> None:
    """What follows when a change to a person who is locked makes a minor of them: the tokens from
    before are void. What only an adult holds is ended first, by those who give it. Raises
    `HolderUnfit`."""
    day = civil_date(now)
    held = await stores.grants.of_person(before.id)
    roles = [each.role for each in held if not each.over(now)]
    links = await stores.guardians.of_guardian(before.id)
    guards = any(each.state is not GuardianshipState.ENDED for each in links)
    if fits(before, roles, day, guards=guards) and not fits(after, roles, day, guards=guards):
        raise HolderUnfit(
            "The person would be a minor, or a student of unknown age, with a role or a child that "
            "takes an adult: have those ended first.",
            zh="此更改将使该人员成为未成年人或年龄不明的学生，而其仍担任须由成年人担任的岗位或监护人："
            "请先终止该岗位或监护关系。",
        )
    if after.is_minor(day, minor_age) and not before.is_minor(day, minor_age):
        await revocations.revoke(uow, "consent", str(after.id))


async def _wards(stores: Stores, person_id: UUID, day: date) -> tuple[str | None, ...]:
    """The organisations of the children whose guardian the person is, or says to be."""
    links = await stores.guardians.of_guardian(person_id)
    linked = [each.child_id for each in links if each.state is not GuardianshipState.ENDED]
    children = (await stores.people.several(linked)).values() if linked else ()
    return tuple({path for each in children for path in each.paths(day) or NOWHERE})


def _check_authority(
    rule: Rule,
    caller: Principal,
    governor: str | None,
    person: Person,
    held: Iterable[RoleGrant],
    day: date,
    *beside: str | None,
) -> None:
    """Raises `AccountBeyondReach`."""
    like = Rule(rule.scope, frozenset(role for role in rule.roles if role == governor))
    if not like.admitted_paths(caller):
        raise AccountBeyondReach.because("separated")
    if not _reaches_whole(like, caller, person, held, day, *beside):
        raise AccountBeyondReach.because("beyond_reach")


def _reaches_whole(
    rule: Rule,
    caller: Principal,
    person: Person,
    held: Iterable[RoleGrant],
    day: date,
    *beside: str | None,
) -> bool:
    """Whether the rule holds at every organisation that the account opens, and somewhere at all."""
    opened = (*person.paths(day), *(each.path for each in held), *beside)
    return all(reaches(rule, caller, path) for path in opened or NOWHERE)


def note_read(
    uow: UnitOfWork, caller: Principal, person: Person, minor: bool, day: date, *fields: str
) -> None:
    """Audit that a minor's data are read, for the guardians to see: with the minor's own token it
    is an application that reads, in the minor's name."""
    if not minor:
        return
    reading = current()
    if is_self(caller, person.id) and reading.on_behalf_of is None:
        reading = replace(reading, actor=caller.client, on_behalf_of=caller.subject)
    with acting(reading):
        record_read(uow, person, day, *fields)


def record_read(uow: UnitOfWork, person: Person, day: date, *fields: str) -> None:
    """The same of a minor, by whoever acts."""
    uow.audit.record(
        "person.read", str(person.id), organisation=place_of(person, day), fields=fields
    )
