"""`found`: the province of a new installation, and the three who begin to administer it.

The offices are parted from the first hour (三员分立). Run once, it makes three accounts and prints
a link for each, with which its person sets a password; run again, it gives the office to whoever
has. So no link opens an office, and whatever comes after is done by people who signed in. What
nobody has taken up yet is as it is told last: names and the code are mended, people replaced.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy import text

from services.identity.app import Parts, build_parts
from services.identity.application.grants import NewGrant
from services.identity.application.memberships import NewMembership
from services.identity.application.people import NewPerson
from services.identity.domain.identifiers import (
    IdentifierKey,
    IdentifierKind,
    InvalidIdentifier,
    identify,
)
from services.identity.domain.organisations import CodesRefused, Organisation
from services.identity.domain.people import Action, Profile, State
from services.identity.settings import Settings
from shared import logs
from shared.access import Grant, Role
from shared.context import RequestContext, acting
from shared.principal import Principal
from shared.service import Runtime

OFFICES = (Role.ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR, Role.AUDITOR)
OPERATOR = "operator"
_OTHER_CODE = text(
    "SELECT division_code FROM organisations WHERE kind = 'province'"
    " AND division_code <> :code LIMIT 1"
)
_LONGEST_NAME = 100
# Whoever came with a roster has no invitation at all.
_INVITED_HERE = (
    f"coalesce((SELECT bool_and(issued_by = '{OPERATOR}') FROM invitations"  # noqa: S608 - constants
    " WHERE person_id = p.id), false)"
)
_REPLACED = f"p.id <> ALL(:known) AND p.state = 'INVITED' AND {_INVITED_HERE}"
_ARE_REPLACED = text(f"SELECT p.id FROM people p WHERE {_REPLACED} ORDER BY p.id")  # noqa: S608 - constants
_SOMEBODY_ELSE = text(
    "SELECT EXISTS (SELECT FROM people p WHERE p.id <> ALL(:known) AND p.state <> 'ERASED'"  # noqa: S608 - constants
    f" AND NOT ({_REPLACED}))"
)
# One of the three may begin to work, and invite others, before the next has a password.
_BROKEN_OFF = text(
    "SELECT count(*) = :offices AND NOT bool_and("
    "EXISTS (SELECT FROM role_grants g WHERE g.person_id = p.id))"
    " FROM people p WHERE p.id = ANY(:known)"
    " AND EXISTS (SELECT FROM invitations i WHERE i.person_id = p.id AND i.issued_by = :operator)"
)
_ACTIVATED = text("SELECT EXISTS (SELECT FROM people WHERE state NOT IN ('INVITED', 'ERASED'))")


class Officer(NamedTuple):
    role: Role
    username: str
    name: str


class Appointed(NamedTuple):
    """``token`` activates the account; None where it is active and holds its office. The name of
    the ``officer`` is the one that the account has."""

    officer: Officer
    token: str | None


class Founded(NamedTuple):
    """``mended`` tells what was made other than an earlier run had left it."""

    province: str
    appointed: list[Appointed]
    mended: list[str]


class FoundedAlready(Exception):
    """Somebody is there to invite the others."""


def found(argv: Sequence[str]) -> int:
    """found the province, and appoint its first three administrators: run it twice"""
    asked = _parsed(argv)
    settings = Settings.load()
    logs.configure("identity", settings.log_level)
    officers = [Officer(role, *getattr(asked, role)) for role in OFFICES]
    try:
        done = asyncio.run(_found(settings, asked.name, asked.code, officers))
    except FoundedAlready as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except (CodesRefused, InvalidIdentifier) as error:
        sys.stderr.write(f"{error.detail_zh} {error.detail}\n")
        for each in error.members.get("errors", ()):
            sys.stderr.write(f"  {each['detail']}\n")
        return 1
    for line in done.mended:
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"province  {asked.code}  {done.province}\n")
    for officer, token in done.appointed:
        told = "holds the office 已任职"
        if token:
            told = f"{settings.issuer}/activate?{urlencode({'token': token})}"
        sys.stdout.write(f"{officer.role}  {officer.username}  {officer.name}  {told}\n")
    if any(each.token for each in done.appointed):
        sys.stdout.write(
            "Hand each link to its person alone, to set a password with; then run this again.\n"
            "请将链接分别交给本人设置密码，然后再次运行本命令。\n"
        )
    return 0


async def _found(settings: Settings, name: str, code: str, officers: Sequence[Officer]) -> Founded:
    runtime = Runtime("identity", settings, {})
    try:
        with acting(RequestContext(actor=OPERATOR)):
            founding = Founding(runtime, build_parts(runtime, settings))
            return await founding.run(name, code, officers)
    finally:
        await runtime.close()


class Founding:
    """Goes on from wherever it was broken off."""

    def __init__(self, runtime: Runtime, parts: Parts) -> None:
        self._runtime = runtime
        self._parts = parts

    async def run(self, name: str, code: str, officers: Sequence[Officer]) -> Founded:
        """Raises `FoundedAlready`, `CodesRefused`, `InvalidIdentifier`."""
        keys = [identify(IdentifierKind.USERNAME, each.username) for each in officers]
        if len({*keys}) < len(keys):
            raise FoundedAlready("Three people hold the three offices. 三个岗位须由三人担任。")
        known = await self._known(keys)
        await self._check(officers, [known.get(key) for key in keys])
        await self._parts.people.consents.settle()
        mended: list[str] = []
        province = await self._province(name, code, mended)
        mended += await self._replace(province, known.values())
        appointed = []
        for officer, key in zip(officers, keys, strict=True):
            person_id = known.get(key)
            appointed.append(
                await self._appointed(province, officer, person_id, mended)
                if person_id
                else await self._invited(province, officer, key)
            )
        return Founded(province.name, appointed, mended)

    async def _province(self, name: str, code: str, mended: list[str]) -> Organisation:
        """The one province; whatever is mended of it is added to `mended`. Raises `CodesRefused`,
        and `FoundedAlready` where it has another code and somebody may have begun to work."""
        organisations = self._parts.organisations.organisations
        async with self._runtime.new_uow() as uow:
            activated = await uow.connection.scalar(_ACTIVATED)
            other = await uow.connection.scalar(_OTHER_CODE, {"code": code})
        if other and activated:
            raise FoundedAlready(
                f"A province was founded already, with the code {other}. 已建立其他省级机构。"
            )
        before = await organisations.found_province(name, other or code)
        if activated:
            return before
        after = await organisations.change(
            _operator(Role.ADMINISTRATOR, before),
            str(before.id),
            before.version,
            name,
            {"division_code": code},
        )
        if after.codes != before.codes:
            mended.append(f"{other}: the code is {code} now 行政区划代码更正为{code}")
        if after.name != before.name:
            mended.append(_mended(before.name, after.name))
        return after

    async def _known(self, keys: Sequence[IdentifierKey]) -> dict[IdentifierKey, UUID]:
        """Those who were invited before. Raises `FoundedAlready` where there is anybody else, save
        those whom an earlier run invited and who never came, and an office is not still due to
        one of the three."""
        async with self._runtime.new_uow() as uow:
            holders = await self._parts.people.stores(uow.connection).people.holders(keys)
            known = {each.key: each.person_id for each in holders}
            ids = list(known.values())
            others = await uow.connection.scalar(_SOMEBODY_ELSE, {"known": ids})
            three = {"known": ids, "offices": len(OFFICES), "operator": OPERATOR}
            if others and not await uow.connection.scalar(_BROKEN_OFF, three):
                raise FoundedAlready(
                    "There are others already: their administrators invite whoever comes after."
                    " 已有其他人员，请由其管理员邀请。"
                )
        return known

    async def _check(self, officers: Sequence[Officer], people: Sequence[UUID | None]) -> None:
        """Raises `FoundedAlready` where it was begun with other offices."""
        async with self._runtime.new_uow() as uow:
            grants = self._parts.people.stores(uow.connection).grants
            for officer, person_id in zip(officers, people, strict=True):
                held = await grants.of_person(person_id) if person_id else ()
                if {each.role for each in held} - {officer.role}:
                    raise FoundedAlready(
                        f"{officer.username} holds another office already. 该人员已担任其他岗位。"
                    )

    async def _replace(self, province: Organisation, known: Iterable[UUID]) -> list[str]:
        """Erase those whom an earlier run named, and this one does not; who it was."""
        async with self._runtime.new_uow() as uow:
            replaced = await uow.connection.scalars(_ARE_REPLACED, {"known": list(known)})
            people = self._parts.people.stores(uow.connection).people
            found = (await people.several(replaced.all())).values()
        for each in found:
            administrator = _operator(Role.ADMINISTRATOR, province)
            await self._parts.people.lifecycle.act(
                administrator, each.id, each.version, Action.ERASE
            )
        names = [each.profile.name for each in found if each.profile]
        return [f"{name}: no longer invited, the link is void 不再邀请，链接作废" for name in names]

    async def _invited(
        self, province: Organisation, officer: Officer, key: IdentifierKey
    ) -> Appointed:
        administrator = _operator(Role.ADMINISTRATOR, province)
        membership = NewMembership(province.id, "staff", None)
        new = NewPerson(Profile(**_named(officer.name)), [(key, True)], membership, ())
        invited = await self._parts.people.people.invite(administrator, new)
        return Appointed(officer, invited.invitation)

    async def _appointed(
        self, province: Organisation, officer: Officer, person_id: UUID, mended: list[str]
    ) -> Appointed:
        """Somebody who was invited before; whatever is mended is added to `mended`."""
        administrator = _operator(Role.ADMINISTRATOR, province)
        async with self._runtime.new_uow() as uow:
            stores = self._parts.people.stores(uow.connection)
            person = await stores.people.get(person_id)
            held = {each.role for each in await stores.grants.of_person(person_id)}
        name = person.profile.name if person and person.profile else officer.name
        if person is not None and person.state is State.INVITED:
            if officer.name != name:
                await self._parts.people.people.change(
                    administrator, person_id, person.version, _named(officer.name)
                )
                mended.append(_mended(name, officer.name))
            activations = self._parts.authentication.activations
            again = await activations.invite(administrator, person_id, removes_factors=False)
            return Appointed(officer, again.token)
        if officer.role not in held:
            office = NewGrant(person_id, officer.role, province.id, None, None, None)
            security = _operator(Role.SECURITY_ADMINISTRATOR, province)
            await self._parts.people.grants.give(security, office)
        return Appointed(officer._replace(name=name), None)


def _named(name: str) -> dict[str, Any]:
    """A Chinese name, as a profile has it."""
    return {"name": name, "family_name": name[:1], "given_name": name[1:]}


def _mended(was: str, is_: str) -> str:
    return f"{was}: is called {is_} now 更名为{is_}"


def _operator(role: Role, province: Organisation) -> Principal:
    scopes = frozenset({"identity.read", "identity.manage"})
    return Principal(OPERATOR, OPERATOR, scopes, {"grants": [str(Grant(role, province.path))]})


def _parsed(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m services.identity found",
        description="Found the province of a new installation. 新建省级机构及三名管理员",
    )
    parser.add_argument("name", help="of the province, as 云南省")
    parser.add_argument("code", help="its division code of 6 digits (GB/T 2260), as 530000")
    for role in OFFICES:
        parser.add_argument(
            f"--{role.replace('_', '-')}",
            dest=role,
            nargs=2,
            required=True,
            metavar=("USERNAME", "NAME"),
        )
    asked = parser.parse_args(argv)
    for told in (asked.name, *(getattr(asked, role)[1] for role in OFFICES)):
        if not told.strip() or not told.isprintable() or len(told) > _LONGEST_NAME:
            parser.error(f"give a name of 1 to {_LONGEST_NAME} visible characters 请填写名称")
    return asked
