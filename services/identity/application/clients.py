"""What is done to registered applications, and to their secrets."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, fields, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.application.organisations_ports import OrganisationTree
from services.identity.application.revocations import Revocations
from services.identity.domain.client_addresses import ApplicationType
from services.identity.domain.clients import (
    LIVE_SECRETS,
    ON_PROPOSALS,
    OWNERS_ACTIONS,
    AuthMethod,
    Client,
    ClientAction,
    ClientNotFound,
    ClientSecret,
    ClientState,
    Description,
    NoSecretNeeded,
    SecretReplaced,
    Terms,
    TooManySecrets,
)
from services.identity.domain.events_provider import (
    ClientApproved,
    ClientChanged,
    ClientFact,
    ClientSuspended,
)
from services.identity.domain.organisations import OrganisationClosed, State
from services.identity.domain.tokens import RevocationKind, fingerprint, new_secret
from shared.access import Role, Rule
from shared.clock import Clock
from shared.context import current
from shared.database import UnitOfWork
from shared.errors import NotFound, StaleVersion
from shared.ids import uuid7
from shared.principal import Principal

OWNERS = frozenset({Role.INTEGRATOR, Role.ADMINISTRATOR})
READ = Rule("identity.read", OWNERS | {Role.SECURITY_ADMINISTRATOR})
OWN = Rule("identity.manage", OWNERS)
DECIDE = Rule("identity.manage", frozenset({Role.SECURITY_ADMINISTRATOR}))

_FACTS: dict[ClientState, type[ClientFact]] = {
    ClientState.APPROVED: ClientApproved,
    ClientState.SUSPENDED: ClientSuspended,
    ClientState.RETIRED: ClientSuspended,
}


class IssuedSecret(NamedTuple):
    """``secret`` is shown this once, and None in the answer to a repeated request."""

    id: UUID
    secret: str | None


class ClientStore(Protocol):
    async def get(self, client_id: UUID, *, lock: bool = False) -> Client | None: ...

    async def held(self, client_id: UUID) -> Client | None:
        """The one with that id, which nobody changes until the transaction ends."""

    async def page(
        self,
        paths: Sequence[str],
        state: ClientState | None,
        before: UUID | None,
        limit: int,
    ) -> Sequence[Client]:
        """Clients of the organisations at or below `paths`, the newest first."""

    async def below(self, path: str) -> Sequence[Client]:
        """Those of organisations at or below `path` that may still be retired, locked."""

    async def add(self, client: Client) -> None: ...

    async def save(self, client: Client) -> None: ...

    async def secrets(self, client_id: UUID, now: datetime) -> Sequence[ClientSecret]:
        """The live ones, the oldest first."""

    async def add_secret(self, client_id: UUID, secret: ClientSecret) -> None: ...

    async def end_secret(self, client_id: UUID, secret_id: UUID, at: datetime) -> bool:
        """Whether there was such a live one."""

    async def forget_consents(self, client_id: UUID, at: datetime) -> None:
        """People agreed to something else: what they gave ends, in sessions, offline and to
        devices, and they are asked again."""

    async def limit_secrets(self, client_id: UUID, at: datetime) -> None:
        """Let every live secret end at `at`, unless it ends before."""


class Clients:
    """Raises `ClientNotFound` for an application of an organisation that the caller's roles do
    not reach, as for none. ``changed`` is told which application was changed, after the commit."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], ClientStore],
        tree: Callable[[AsyncConnection], OrganisationTree],
        revocations: Revocations,
        clock: Clock,
        changed: Callable[[UUID], None],
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._tree = tree
        self._revocations = revocations
        self._clock = clock
        self._changed = changed

    async def request(
        self,
        caller: Principal,
        organisation_id: UUID,
        description: Description,
        application_type: ApplicationType,
        auth_method: AuthMethod,
        terms: Terms,
    ) -> Client:
        """Ask for an application. Raises `NotFound`, `OrganisationClosed`, `UnfitClient`."""
        now = self._clock()
        async with self._new_uow() as uow:
            held = await self._tree(uow.connection).hold([organisation_id])
            organisation = held[0] if held else None
            if organisation is None or not OWN.holds(caller, organisation.path):
                raise NotFound(
                    "None of your roles reaches an organisation with that id.",
                    zh="您的岗位不包含该机构。",
                )
            if organisation.state is State.CLOSED:
                raise OrganisationClosed(
                    "Name an organisation that is open.", zh="请选择正常状态的机构。"
                )
            client = Client(
                id=uuid7(),
                organisation_id=organisation_id,
                path=organisation.path,
                application_type=application_type,
                auth_method=auth_method,
                terms=terms,
                state=ClientState.REQUESTED,
                requested_by=caller.subject,
                version=1,
                created_at=now,
                updated_at=now,
                **{field.name: getattr(description, field.name) for field in fields(description)},
            )
            client.check()
            await self._store(uow.connection).add(client)
            _audit(uow, "client.requested", client)
            return await uow.commit(client)

    async def page(
        self, caller: Principal, state: ClientState | None, before: UUID | None, limit: int
    ) -> Sequence[Client]:
        """Those of the caller's organisations. Raises `Forbidden` without a role that reads any."""
        READ.admit(caller, None)
        async with self._new_uow() as uow:
            paths = READ.admitted_paths(caller)
            return await self._store(uow.connection).page(paths, state, before, limit)

    async def read(self, caller: Principal, client_id: UUID) -> Client:
        async with self._new_uow() as uow:
            return await reachable(self._store(uow.connection), READ, caller, client_id)

    def actions(self, caller: Principal, client: Client) -> list[ClientAction]:
        """What the caller may do to it now."""
        return [
            each
            for each in client.actions
            if _rule(each).scope in caller.scopes and _rule(each).holds(caller, client.path)
        ]

    async def describe(
        self, caller: Principal, client_id: UUID, version: int, description: Description
    ) -> Client:
        """Change what the owner says of it, or propose that: see `Client.described`. Raises
        `StaleVersion`, `ClientActionUnavailable`, `UnfitClient`."""
        return await self._act(
            caller,
            client_id,
            version,
            ClientAction.DESCRIBE,
            lambda client: client.described(description, caller.subject),
        )

    async def set_terms(
        self, caller: Principal, client_id: UUID, version: int, terms: Terms
    ) -> Client:
        """Change what it may ask for. Raises `StaleVersion`, `ClientActionUnavailable`,
        `OwnClient`, `UnfitClient`."""
        return await self._act(
            caller,
            client_id,
            version,
            ClientAction.SET_TERMS,
            lambda client: replace(client, terms=terms),
        )

    async def act(
        self, caller: Principal, client_id: UUID, version: int, action: ClientAction
    ) -> Client:
        """Move it to another state, or decide what was proposed. Raises `StaleVersion`,
        `ClientActionUnavailable`, `OwnClient`."""

        def settled(client: Client) -> Client:
            if action not in ON_PROPOSALS:
                return client
            return client.settled(accepted=action is ClientAction.ACCEPT)

        return await self._act(caller, client_id, version, action, settled)

    async def _act(
        self,
        caller: Principal,
        client_id: UUID,
        version: int,
        action: ClientAction,
        change: Callable[[Client], Client],
    ) -> Client:
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            before = await reachable(store, _rule(action), caller, client_id, lock=True)
            if before.version != version:
                raise StaleVersion
            after = change(before.after(action, caller.subject))
            after.check()
            if after.proposal is not None:
                after.settled(accepted=True).check()
            return await uow.commit(await self._keep(uow, store, action, before, after))

    async def close(self, uow: UnitOfWork, _caller: Principal, path: str) -> None:
        """Retire every application of the organisation that is closed at `path`, or below it, with
        its tokens and API keys."""
        store = self._store(uow.connection)
        for before in await store.below(path):
            after = before.after(ClientAction.RETIRE, current().actor)
            await self._keep(uow, store, ClientAction.RETIRE, before, after)

    async def _keep(
        self,
        uow: UnitOfWork,
        store: ClientStore,
        action: ClientAction,
        before: Client,
        told: Client,
    ) -> Client:
        after = replace(told, version=before.version + 1, updated_at=self._clock())
        await store.save(after)
        if before.live and not (after.live and after.terms.scopes >= before.terms.scopes):
            await self._revocations.revoke(uow, RevocationKind.CLIENT, str(after.id))
        if (after.name, after.purpose) != (before.name, before.purpose):
            await store.forget_consents(after.id, after.updated_at)
        _audit(uow, f"client.{action}", after, before, changed=_changed(before, after))
        uow.outbox.append(_fact(before, after))
        uow.committed.append(partial(self._changed, after.id))
        return after

    async def secrets(self, caller: Principal, client_id: UUID) -> Sequence[ClientSecret]:
        """The live secrets, of which the hash alone is known."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            await reachable(store, READ, caller, client_id)
            return await store.secrets(client_id, self._clock())

    async def add_secret(
        self,
        caller: Principal,
        client_id: UUID,
        replaces: UUID | None = None,
        old_ends_in: timedelta | None = None,
    ) -> IssuedSecret:
        """A new secret beside `replaces`, which goes on for `old_ends_in`, or until it is revoked.

        Raises `NoSecretNeeded`, `SecretReplaced`, `TooManySecrets`.
        """
        now = self._clock()
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            client = await reachable(store, OWN, caller, client_id, lock=True)
            if client.auth_method not in (AuthMethod.BASIC, AuthMethod.POST):
                raise NoSecretNeeded(
                    f"It proves itself with {client.auth_method}.",
                    zh=f"该应用以 {client.auth_method} 证明身份，不需要密钥。",
                )
            live = await store.secrets(client_id, now)
            if replaces is not None and (not live or live[-1].id != replaces):
                raise SecretReplaced(
                    "Of two rotations at once one wins.", zh="同时发起的两次更换只有一次生效。"
                )
            if len(live) >= LIVE_SECRETS:
                raise TooManySecrets(
                    "Revoke one of the two secrets first.", zh="请先撤销两个密钥中的一个。"
                )
            if old_ends_in is not None:
                await store.limit_secrets(client_id, now + old_ends_in)
            secret = new_secret()
            kept = ClientSecret(uuid7(), fingerprint(secret), now, None)
            await store.add_secret(client_id, kept)
            _audit(uow, "client.secret_added", client, secret=kept.id)
            # The stored answer is kept for days: it goes without the secret.
            await uow.commit(IssuedSecret(kept.id, None))
        self._changed(client_id)
        return IssuedSecret(kept.id, secret)

    async def end_secret(self, caller: Principal, client_id: UUID, secret_id: UUID) -> None:
        """Revoke a secret. Raises `NotFound`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            client = await reachable(store, OWN, caller, client_id, lock=True)
            if not await store.end_secret(client_id, secret_id, self._clock()):
                raise NotFound("There is no such secret.", zh="没有该密钥。")
            _audit(uow, "client.secret_revoked", client, secret=secret_id)
            await uow.commit()
        self._changed(client_id)


def _rule(action: ClientAction) -> Rule:
    return OWN if action in OWNERS_ACTIONS else DECIDE


def _fact(before: Client, after: Client) -> ClientFact:
    fact = ClientChanged if after.state is before.state else _FACTS.get(after.state, ClientChanged)
    return fact(
        client_id=after.id,
        organisation_id=after.organisation_id,
        organisation_path=after.path,
        name=after.name,
        state=after.state,
        scopes=sorted(after.terms.scopes),
        quota_class=after.terms.quota_class,
        version=after.version,
    )


async def reachable(
    store: ClientStore, rule: Rule, caller: Principal, client_id: UUID, *, lock: bool = False
) -> Client:
    """The application, if `rule` reaches its owner. Raises `ClientNotFound`."""
    client = await store.get(client_id, lock=lock)
    if client is None or not rule.holds(caller, client.path):
        raise ClientNotFound(
            "None of your roles reaches an application with that id.", zh="您的岗位不包含该应用。"
        )
    return client


def _audit(
    uow: UnitOfWork, action: str, client: Client, before: Client | None = None, **facts: Any
) -> None:
    uow.audit.record(
        action,
        str(client.id),
        organisation=client.path,
        before=before and _audited(before),
        after=_audited(client),
        **facts,
    )


def _changed(before: Client, after: Client) -> dict[str, Any]:
    """What is other than it was, as it is now."""
    was, is_ = _audited(before), _audited(after)
    return {name: is_[name] for name in was if was[name] != is_[name]}


def _audited(client: Client) -> dict[str, Any]:
    terms = client.terms
    return {
        "name": client.name,
        "purpose": client.purpose,
        "redirect_uris": client.redirect_uris,
        "post_logout_redirect_uris": client.post_logout_redirect_uris,
        "jwks": client.jwks,
        "networks": client.networks,
        "auth_method": client.auth_method,
        "state": client.state,
        "scopes": sorted(terms.scopes),
        "grant_types": sorted(terms.grant_types),
        "pkce_required": terms.pkce_required,
        "trusted": terms.trusted,
        "quota_class": terms.quota_class,
        "proposed": client.proposal and asdict(client.proposal.description),
    }
