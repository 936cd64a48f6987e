"""`found`: the province of a new installation, and the three who begin to administer it.

The offices are parted from the first hour (三员分立). Run once, it makes three accounts and prints
a link for each, with which its person sets a password; run again, it gives the office to whoever
has. So no link opens an office, and whatever comes after is done by people who signed in.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import NamedTuple
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
from services.identity.domain.people import Profile, State
from services.identity.settings import Settings
from shared import logs
from shared.access import Grant, Role
from shared.context import RequestContext, acting
from shared.principal import Principal
from shared.service import Runtime

OFFICES = (Role.ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR, Role.AUDITOR)
OPERATOR = "operator"
_OTHER_PROVINCE = text(
    "SELECT name FROM organisations WHERE kind = 'province' AND division_code <> :code LIMIT 1"
)
_LONGEST_NAME = 100
_SOMEBODY_ELSE = text("SELECT EXISTS (SELECT FROM people WHERE id <> ALL(:known))")


class Officer(NamedTuple):
    role: Role
    username: str
    name: str


class FoundedAlready(Exception):
    """Somebody is there to invite the others."""


def found(argv: Sequence[str]) -> int:
    """found the province, and appoint its first three administrators: run it twice"""
    asked = _parsed(argv)
    settings = Settings.load()
    logs.configure("identity", settings.log_level)
    officers = [Officer(role, *getattr(asked, role)) for role in OFFICES]
    try:
        links = asyncio.run(_found(settings, asked.name, asked.code, officers))
    except FoundedAlready as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except (CodesRefused, InvalidIdentifier) as error:
        sys.stderr.write(f"{error.detail_zh} {error.detail}\n")
        for each in error.members.get("errors", ()):
            sys.stderr.write(f"  {each['detail']}\n")
        return 1
    for officer, link in zip(officers, links, strict=True):
        told = link or "holds the office 已任职"
        sys.stdout.write(f"{officer.role}  {officer.username}  {officer.name}  {told}\n")
    if any(links):
        sys.stdout.write(
            "Hand each link to its person alone, to set a password with; then run this again.\n"
            "请将链接分别交给本人设置密码，然后再次运行本命令。\n"
        )
    return 0


async def _found(
    settings: Settings, name: str, code: str, officers: Sequence[Officer]
) -> list[str | None]:
    runtime = Runtime("identity", settings, {})
    try:
        with acting(RequestContext(actor=OPERATOR)):
            founding = Founding(runtime, build_parts(runtime, settings))
            tokens = await founding.run(name, code, officers)
    finally:
        await runtime.close()
    address = f"{settings.issuer}/activate"
    return [token and f"{address}?{urlencode({'token': token})}" for token in tokens]


class Founding:
    """Goes on from wherever it was broken off."""

    def __init__(self, runtime: Runtime, parts: Parts) -> None:
        self._runtime = runtime
        self._parts = parts

    async def run(self, name: str, code: str, officers: Sequence[Officer]) -> list[str | None]:
        """What each account is activated with, or None for one that is and holds its office.
        Raises `FoundedAlready`, `CodesRefused`, `InvalidIdentifier`."""
        keys = [identify(IdentifierKind.USERNAME, each.username) for each in officers]
        if len({*keys}) < len(keys):
            raise FoundedAlready("Three people hold the three offices. 三个岗位须由三人担任。")
        known = await self._known(keys)
        await self._check(code, officers, [known.get(key) for key in keys])
        await self._parts.people.consents.settle()
        province = await self._parts.organisations.organisations.found_province(name, code)
        return [
            await self._appointed(province, officer, key, known.get(key))
            for officer, key in zip(officers, keys, strict=True)
        ]

    async def _known(self, keys: Sequence[IdentifierKey]) -> dict[IdentifierKey, UUID]:
        """Those who were invited before. Raises `FoundedAlready` where there is anybody else."""
        async with self._runtime.new_uow() as uow:
            holders = await self._parts.people.stores(uow.connection).people.holders(keys)
            known = {each.key: each.person_id for each in holders}
            if await uow.connection.scalar(_SOMEBODY_ELSE, {"known": list(known.values())}):
                raise FoundedAlready(
                    "There are others already: their administrators invite whoever comes after."
                    " 已有其他人员，请由其管理员邀请。"
                )
        return known

    async def _check(
        self, code: str, officers: Sequence[Officer], people: Sequence[UUID | None]
    ) -> None:
        """Raises `FoundedAlready` where it was begun with another code, or other offices."""
        async with self._runtime.new_uow() as uow:
            other = await uow.connection.scalar(_OTHER_PROVINCE, {"code": code})
        if other is not None:
            raise FoundedAlready(
                f"{other} was founded already, with another code. 已建立其他省级机构。"
            )
        async with self._runtime.new_uow() as uow:
            grants = self._parts.people.stores(uow.connection).grants
            for officer, person_id in zip(officers, people, strict=True):
                held = await grants.of_person(person_id) if person_id else ()
                if {each.role for each in held} - {officer.role}:
                    raise FoundedAlready(
                        f"{officer.username} holds another office already. 该人员已担任其他岗位。"
                    )

    async def _appointed(
        self, province: Organisation, officer: Officer, key: IdentifierKey, person_id: UUID | None
    ) -> str | None:
        administrator = _operator(Role.ADMINISTRATOR, province)
        if person_id is None:
            profile = Profile(officer.name, officer.name[:1], officer.name[1:])
            membership = NewMembership(province.id, "staff", None)
            new = NewPerson(profile, [(key, True)], membership, ())
            return (await self._parts.people.people.invite(administrator, new)).invitation
        async with self._runtime.new_uow() as uow:
            stores = self._parts.people.stores(uow.connection)
            person = await stores.people.get(person_id)
            held = {each.role for each in await stores.grants.of_person(person_id)}
        if person is not None and person.state is State.INVITED:
            activations = self._parts.authentication.activations
            again = await activations.invite(administrator, person_id, removes_factors=False)
            return again.token
        if officer.role not in held:
            office = NewGrant(person_id, officer.role, province.id, None, None, None)
            security = _operator(Role.SECURITY_ADMINISTRATOR, province)
            await self._parts.people.grants.give(security, office)
        return None


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
