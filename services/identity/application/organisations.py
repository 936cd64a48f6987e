"""What is done to the tree of organisations, and what is read of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.application.organisations_ports import (
    Change,
    Detail,
    Listed,
    OrganisationStore,
    OrganisationTree,
    Query,
    Remembered,
)
from services.identity.application.stores import OnClose
from services.identity.domain import events_organisations as events
from services.identity.domain.organisations import (
    CodeTaken,
    Kind,
    NameTaken,
    OfficialCodes,
    Organisation,
    StillInUse,
    is_beside_provinces,
    is_province,
)
from shared.access import Role, Rule
from shared.civil import civil_date
from shared.clock import Clock
from shared.context import current
from shared.database import UnitOfWork
from shared.errors import Forbidden, NotFound, StaleVersion
from shared.ids import uuid7
from shared.principal import Principal

READ = Rule("identity.read")
READ_HISTORY = Rule("identity.read", frozenset({Role.ADMINISTRATOR, Role.AUDITOR}))
MANAGE = Rule("identity.manage", frozenset({Role.ADMINISTRATOR}))


def administers(caller: Principal, path: str | None) -> bool:
    """Whether the caller is an administrator at the organisation at `path` or above it.

    Nothing is above institutions at the root, nor the root itself (None): whoever administers a
    province looks after them.
    """
    if path is not None and MANAGE.holds(caller, path):
        return True
    at_root = path is None or is_beside_provinces(path)
    return at_root and any(map(is_province, MANAGE.admitted_paths(caller)))


def _admit(caller: Principal, path: str | None) -> None:
    if not administers(caller, path):
        raise Forbidden(
            "You are no administrator there or above.", zh="您不是该机构或其上级的管理员。"
        )


class Organisations:
    """Every change is kept in the history, audited and told as an event. ``on_close`` are what
    other parts end with an organisation, in the same transaction."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], OrganisationStore],
        clock: Clock,
        on_close: Sequence[OnClose] = (),
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._clock = clock
        self._on_close = on_close

    async def found_province(self, name: str, division_code: str) -> Organisation:
        """The province with that division code, made if there is none yet. Not for callers.

        Raises `CodesRefused`.
        """
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            await store.lock_tree()
            province = Organisation.province(uuid7(), name, division_code, self._clock())
            found = await store.province(province.codes.division_code or "")
            if found is not None:
                return found
            await establish(uow, store, province)
            return await uow.commit(province)

    async def create(
        self, caller: Principal, parent: str | None, kind: Kind, name: str, codes: OfficialCodes
    ) -> Organisation:
        """A new organisation under `parent` (id or code; None: at the root).

        Raises `NotFound`, `Forbidden`, `KindNotAllowedThere`, `OrganisationClosed`,
        `CodesRefused`, `CodeTaken`, `NameTaken`.
        """
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            await store.lock_tree()
            above = await _parent(store, parent)
            _admit(caller, above.path if above else None)
            organisation = Organisation.under(above, uuid7(), kind, name, codes, self._clock())
            await _check_division_free(store, organisation)
            await _check_name_free(store, organisation)
            await establish(uow, store, organisation)
            return await uow.commit(organisation)

    async def change(
        self,
        caller: Principal,
        reference: str,
        version: int,
        name: str | None,
        codes: Mapping[str, str | None],
    ) -> Organisation:
        """Another name, unless None, and the official codes given; None removes one.

        Raises `NotFound`, `Forbidden`, `StaleVersion`, `OrganisationClosed`, `CodesRefused`,
        `CodeTaken`, `NameTaken`.
        """
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            if name is not None or "division_code" in codes:
                await store.lock_tree()
            before = await _managed(store, caller, reference, version)
            above = await store.by_id(before.parent_id) if before.parent_id else None
            after = before.changed(name or before.name, replace(before.codes, **codes), above)
            if after.record == before.record:
                return before
            await _check_division_free(store, after)
            if after.name != before.name:
                await _check_name_free(store, after)
            await store.save(after)
            await _note(uow, store, self._clock(), Change.CHANGED, after, before)
            if after.name != before.name:
                uow.outbox.append(events.OrganisationRenamed(**_fact(after)))
            return await uow.commit(after)

    async def move(
        self, caller: Principal, reference: str, version: int, parent: str | None
    ) -> Organisation:
        """Put it, and everything below it, under another parent (None: at the root).

        Raises `NotFound`, `Forbidden`, `StaleVersion`, `MoveIntoItself`, `KindNotAllowedThere`,
        `OrganisationClosed`, `CodesRefused`, `NameTaken`.
        """
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            await store.lock_tree()
            before = await _managed(store, caller, reference, version)
            above = await _parent(store, parent)
            _admit(caller, above.path if above else None)
            after = before.moved(above)
            await _check_name_free(store, after)
            await store.move(after, before.path)
            await _note(uow, store, self._clock(), Change.MOVED, after, before)
            uow.outbox.append(events.OrganisationMoved(**_fact(after), old_path=before.path))
            return await uow.commit(after)

    async def close(
        self, caller: Principal, reference: str, version: int, *, below: bool
    ) -> Organisation:
        """Close it for good, with `below` everything under it too.

        Nobody is put out by it: whoever belongs to it or to something below leaves or is
        transferred first. Roles held there end, and applications of theirs are retired; auditors
        and security administrators have theirs ended first, by who may.

        Raises `NotFound`, `Forbidden`, `StaleVersion`, `OrganisationClosed`, `StillInUse`.
        """
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            await store.lock_tree()
            before = await _managed(store, caller, reference, version)
            now = self._clock()
            after = before.closed(now)
            open_below, members = await store.use(before.path, civil_date(now))
            if members or (open_below and not below):
                raise StillInUse.by(members, open_below, below=below)
            closed_below = await store.close(after, current().actor)
            await _note(uow, store, now, Change.CLOSED, after, before, closed_below=closed_below)
            uow.outbox.append(events.OrganisationClosed(**_fact(after)))
            for end in self._on_close:
                await end(uow, caller, after.path)
            return await uow.commit(after)

    async def get(self, caller: Principal, reference: str) -> Detail:
        """Raises `NotFound`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            organisation = existing(await store.find(reference))
            ancestors = await store.ancestors(organisation.path)
        may = MANAGE.scope in caller.scopes and administers(caller, organisation.path)
        return Detail(organisation, ancestors, organisation.actions if may else [])

    async def page(
        self, query: Query, limit: int, after: tuple[str, UUID] | None
    ) -> Sequence[Listed]:
        """At most `limit` organisations behind `after`, a sort key and an id.

        Raises `NotFound` when `parent` or `within` is none.
        """
        async with self._new_uow() as uow:
            return await self._store(uow.connection).page(query, limit, after)

    async def history(
        self, caller: Principal, reference: str, limit: int, before: int | None
    ) -> Sequence[Remembered]:
        """At most `limit` rows older than the one with the id `before`, the newest first.

        Raises `NotFound`, `Forbidden`.
        """
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            organisation = existing(await store.find(reference))
            if not administers(caller, organisation.path):
                READ_HISTORY.admit(caller, organisation.path)
            return await store.history(organisation.id, limit, before)


async def _check_division_free(store: OrganisationStore, organisation: Organisation) -> None:
    """Two open organisations do not stand for one division; the caller holds the tree's lock where
    the code is new. Raises `CodeTaken`."""
    code = organisation.codes.division_code
    found = await store.division(code) if code else None
    if found is not None and found.id != organisation.id:
        raise CodeTaken(
            "Another organisation has that division_code.",
            zh="该行政区划代码已被其他机构使用。",
            pointer="#/division_code",
        )


async def _check_name_free(store: OrganisationStore, organisation: Organisation) -> None:
    """Rosters tell what stands under one parent apart by name, and institutions at the root by
    code; the caller holds the tree's lock. Raises `NameTaken`."""
    if organisation.parent_id is None:
        return
    found = await store.namesake(organisation)
    if found is not None:
        raise NameTaken(
            f"{found.code} has that name there. Use that one, or choose another name.",
            zh=f"{found.code} 已使用该名称：请使用该机构，或改用其他名称。",
            pointer="#/name",
        )


async def establish(uow: UnitOfWork, store: OrganisationStore, organisation: Organisation) -> None:
    """Keep a new organisation, with its history, audit entry and event.

    The caller holds the tree's lock since before the parent was read. Raises `CodeTaken`.
    """
    await store.add(organisation)
    await _note(uow, store, organisation.created_at, Change.CREATED, organisation, None)
    uow.outbox.append(events.OrganisationCreated(**_fact(organisation)))


async def _note(
    uow: UnitOfWork,
    store: OrganisationStore,
    at: datetime,
    change: Change,
    after: Organisation,
    before: Organisation | None,
    **facts: Any,
) -> None:
    old, new = (None, after.record) if before is None else _difference(before, after)
    await store.remember(after, at, current().actor, change, old, new)
    uow.audit.record(
        f"organisation.{change}",
        str(after.id),
        organisation=after.path,
        before=before and before.record,
        after=after.record,
        **facts,
    )


def _difference(
    before: Organisation, after: Organisation
) -> tuple[dict[str, str | None], dict[str, str | None]]:
    old, new = before.record, after.record
    differing = [name for name in new if old[name] != new[name]]
    return {name: old[name] for name in differing}, {name: new[name] for name in differing}


def _fact(organisation: Organisation) -> dict[str, Any]:
    return {
        "organisation_id": organisation.id,
        "code": organisation.code,
        "kind": organisation.kind.value,
        "name": organisation.name,
        "path": organisation.path,
        "version": organisation.version,
    }


def existing(organisation: Organisation | None) -> Organisation:
    """What was found. Raises `NotFound` for None."""
    if organisation is None:
        raise NotFound(
            "There is no organisation with that id or code.", zh="没有该标识或编码的机构。"
        )
    return organisation


async def _parent(store: OrganisationTree, reference: str | None) -> Organisation | None:
    return None if reference is None else existing(await store.find(reference))


async def _managed(
    store: OrganisationStore, caller: Principal, reference: str, version: int
) -> Organisation:
    """The organisation, locked, that the caller may change and has read as it is."""
    organisation = existing(await store.locked(reference))
    _admit(caller, organisation.path)
    if organisation.version != version:
        raise StaleVersion
    return organisation
