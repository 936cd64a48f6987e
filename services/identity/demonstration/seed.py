"""Makes the demonstration province through the use cases, with passwords drawn for this once."""

import asyncio
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import groupby
from typing import Any
from uuid import UUID

from services.identity.app import Parts
from services.identity.application.grants import NewGrant
from services.identity.application.memberships import NewMembership
from services.identity.application.organisations_ports import ROOT, Listed, Query
from services.identity.application.people import NewPerson
from services.identity.demonstration.province import (
    ACCOUNTS,
    APPLICATIONS,
    COMPANY,
    CONSENTED,
    FAMILIES,
    PLACES,
    PROVINCE,
    PROVINCE_CODE,
    PROVINCE_NAME,
    Account,
    Application,
    Family,
)
from services.identity.domain.clients import AuthMethod, ClientAction, Description
from services.identity.domain.grants import ORDINARY
from services.identity.domain.identifiers import IdentifierKind, identify
from services.identity.domain.organisations import Kind, Organisation
from services.identity.domain.people import Profile
from shared.access import Grant, Role
from shared.context import RequestContext, acting
from shared.principal import Principal

AT_ONCE = 6
_SYLLABLES = [a + b for a in "bdfghjklmnprstvz" for b in "aeiou"]


async def provinces(parts: Parts) -> Sequence[Listed]:
    """Those that are there already."""
    query = Query(parent=ROOT, kind=Kind.PROVINCE)
    return await parts.organisations.organisations.page(query, 1, None)


def new_password() -> str:
    """Four words that can be read out and a number: 57 random bits, three kinds of characters."""
    words = ["".join(secrets.choice(_SYLLABLES) for _ in range(2)) for _ in range(4)]
    return "-".join((*words, str(secrets.randbelow(90) + 10))).capitalize()


class Seeding:
    """Two founders act, who are nobody afterwards: what one asks for, the other approves."""

    def __init__(
        self,
        parts: Parts,
        accounts: Sequence[Account] = ACCOUNTS,
        families: Sequence[Family] = FAMILIES,
    ) -> None:
        self._parts = parts
        self._accounts = accounts
        self._families = families
        self._places: dict[str, Organisation] = {}
        self._people: dict[str, UUID] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def run(self) -> dict[str, Any]:
        """Make it all; returns what the accounts file holds."""
        await self._parts.people.consents.settle()
        await self._make_places()
        accounts = await asyncio.gather(*(self._account(each) for each in self._accounts))
        families = groupby(self._families, lambda family: family.guardian)
        await asyncio.gather(*(self._link(list(each)) for _, each in families))
        return {
            "accounts": accounts,
            "clients": [await self._application(each) for each in APPLICATIONS],
        }

    async def _make_places(self) -> None:
        tree = self._parts.organisations.organisations
        self._places[PROVINCE] = await tree.found_province(PROVINCE_NAME, PROVINCE_CODE)
        with self._founder(Role.ADMINISTRATOR) as founder:
            for each in PLACES:
                above = self._places[each.above].code
                self._places[each.key] = await tree.create(
                    founder, above, each.kind, each.name, each.codes
                )

    async def _account(self, account: Account) -> dict[str, Any]:
        password = new_password()
        people, place = self._parts.people, self._places[account.belongs_to]
        name = account.name
        profile = Profile(name, name[:1], name[1:], birth_date=account.birth_date)
        key = identify(IdentifierKind.USERNAME, account.username)
        membership = NewMembership(place.id, account.kind, None)
        is_ordinary = account.role in ORDINARY and account.holds_at == account.belongs_to
        ordinary = (account.role,) if is_ordinary else ()
        async with self._turns:
            with self._founder(Role.ADMINISTRATOR) as founder:
                new = NewPerson(profile, [(key, True)], membership, ordinary)
                invited = await people.people.invite(founder, new)
            person_id = self._people[account.username] = invited.detail.person.id
            with _as(str(person_id)):
                activations = self._parts.authentication.activations
                await activations.accept(invited.invitation or "", password)
            if not ordinary:
                held_at = self._places[account.holds_at].id
                office = NewGrant(person_id, account.role, held_at, account.subject, None, None)
                with self._founder(Role.SECURITY_ADMINISTRATOR) as founder:
                    await people.grants.give(founder, office)
        return {
            "username": account.username,
            "password": password,
            "name": name,
            "roles": [account.role],
            "organisation": place.code,
        }

    async def _link(self, families: Iterable[Family]) -> None:
        """Those of one guardian."""
        for each in families:
            guardian, child = self._people[each.guardian], self._people[each.child]
            async with self._turns:
                with self._founder(Role.ADMINISTRATOR) as founder:
                    guardians = self._parts.people.guardians
                    await guardians.create(founder, guardian, child, "mother", False)
                with _as(str(guardian)):
                    caller = Principal(str(guardian), "demonstration", frozenset(), {})
                    for purpose in CONSENTED if each.consents else ():
                        await self._parts.people.consents.give(caller, child, purpose, 1)

    async def _application(self, application: Application) -> Mapping[str, Any]:
        clients, terms = self._parts.provider.clients, application.terms
        uris = application.redirect_uris
        with self._founder(Role.ADMINISTRATOR) as founder:
            client = await clients.request(
                founder,
                self._places[COMPANY].id,
                Description(application.name, application.purpose, uris, uris, None),
                application.application_type,
                application.auth_method,
                terms,
            )
        with self._founder(Role.SECURITY_ADMINISTRATOR) as founder:
            await clients.act(founder, client.id, client.version, ClientAction.APPROVE)
        secret = None
        if application.auth_method is not AuthMethod.NONE:
            with self._founder(Role.ADMINISTRATOR) as founder:
                secret = (await clients.add_secret(founder, client.id)).secret
        return {
            "name": application.name,
            "client_id": str(client.id),
            "client_secret": secret,
            "token_endpoint_auth_method": application.auth_method,
            "redirect_uris": uris,
            "grant_types": sorted(terms.grant_types),
            "scopes": sorted(terms.scopes),
        }

    @contextmanager
    def _founder(self, role: Role) -> Iterator[Principal]:
        """Whoever acts within the block."""
        scopes = frozenset({"identity.read", "identity.manage"})
        grants = [str(Grant(role, self._places[PROVINCE].path))]
        subject = f"demonstration-{role}"
        with _as(subject):
            yield Principal(subject, "demonstration", scopes, {"grants": grants})


def _as(actor: str) -> AbstractContextManager[None]:
    return acting(RequestContext(actor=actor, client="demonstration"))
