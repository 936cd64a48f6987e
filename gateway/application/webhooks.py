"""What the owners of webhooks do to them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.application.access import INTEGRATE
from gateway.domain.webhooks import (
    MOST_WEBHOOKS,
    OVERLAP,
    Secret,
    State,
    TooManyWebhooks,
    Webhook,
    WebhookRefused,
    new_secret,
)
from gateway.domain.webhooks_types import SCOPES, TYPES
from shared.access import grants_of
from shared.clock import Clock
from shared.context import worded
from shared.database import UnitOfWork
from shared.encryption import KeyRing, Place
from shared.errors import Forbidden, NotFound, StaleVersion
from shared.ids import uuid7
from shared.principal import Principal

_PURPOSE = "webhook-secret"


class Reach(NamedTuple):
    """The webhooks below `paths`, of the application `client` alone unless None."""

    paths: tuple[str, ...]
    client: str | None


class Disclosed(NamedTuple):
    """``secret`` is shown this once; None in the answer to a repeated request."""

    webhook: Webhook
    secret: str | None


class Rotated(NamedTuple):
    """The new secret, likewise; the one before signs as well until ``previous_until``."""

    secret: str | None
    previous_until: datetime


@dataclass(frozen=True, slots=True)
class Draft:
    """What a new webhook shall be. ``organisation`` is a label or a short code, None for that of
    the caller's first grant."""

    organisation: str | None
    name: str
    url: str
    event_types: tuple[str, ...]


class Owner(NamedTuple):
    """The application that a webhook is of: where it is registered, and what it may ask for."""

    client: str
    scopes: frozenset[str]
    path: str


class WebhookStore(Protocol):
    async def add(self, webhook: Webhook) -> None: ...

    async def count(self, path: str) -> int:
        """Those kept at that very organisation."""
        ...

    async def get(self, webhook_id: UUID) -> Webhook | None: ...

    async def locked(self, webhook_id: UUID) -> Webhook | None:
        """Like `get`; it is kept from any change until the transaction ends."""
        ...

    async def page(self, reach: Reach, limit: int, before: UUID | None) -> Sequence[Webhook]:
        """The newest first."""
        ...

    async def save(self, webhook: Webhook) -> None: ...

    async def resume(self, webhook_id: UUID) -> None:
        """Forget its failures: it is free at once."""
        ...

    async def delete(self, webhook_id: UUID) -> None:
        """With its secrets and all that is queued or was sent."""
        ...

    async def add_secret(self, secret: Secret) -> None: ...

    async def retire_secrets(self, webhook_id: UUID, until: datetime) -> None:
        """The one in use expires at `until`, one that was to expire does so now."""
        ...


class Addresses(Protocol):
    async def refusal(self, url: str) -> tuple[str, str] | None:
        """Why nothing may be sent to `url` now, in English and in Chinese, or None. Nothing is
        sent to find out."""
        ...


class Webhooks:
    """Every change is audited. Of somebody else's webhook nobody learns that it exists."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], WebhookStore],
        addresses: Addresses,
        keys: KeyRing,
        clock: Clock,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._addresses = addresses
        self._keys = keys
        self._clock = clock

    async def create(
        self, caller: Principal, draft: Draft, owner: Owner | None = None
    ) -> Disclosed:
        """For `owner`, for which a person asks, or None: for the application by whose token it is
        asked. Raises `Forbidden`, `WebhookRefused`, `TooManyWebhooks`."""
        if owner is None:
            owner = Owner(caller.client, caller.scopes, _place(caller, draft.organisation))
        INTEGRATE.admit(caller, owner.path)
        async with self._new_uow() as uow:  # which answers a repeated request, before any look-up
            if await self._store(uow.connection).count(owner.path) >= MOST_WEBHOOKS:
                raise TooManyWebhooks(
                    "Delete one that is no longer needed.", zh="请先删除不再使用的订阅。"
                )
        await self._check(draft.url, draft.event_types, owner.scopes)
        now = self._clock()
        webhook = Webhook(
            id=uuid7(),
            client=owner.client,
            organisation_path=owner.path,
            name=draft.name,
            url=draft.url,
            event_types=draft.event_types,
            scopes=owner.scopes & SCOPES,
            state=State.ACTIVE,
            suspended=False,
            version=1,
            created_at=now,
            updated_at=now,
        )
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            await store.add(webhook)
            secret = await self._add_secret(store, webhook)
            note(uow, "created", webhook)
            # The stored answer is kept for days: it goes without the secret.
            await uow.commit(Disclosed(webhook, None))
            return Disclosed(webhook, secret)

    async def page(self, caller: Principal, limit: int, before: UUID | None) -> Sequence[Webhook]:
        """Raises `Forbidden`."""
        INTEGRATE.admit(caller, None)
        async with self._new_uow() as uow:
            return await self._store(uow.connection).page(reach_of(caller), limit, before)

    async def get(self, caller: Principal, webhook_id: UUID) -> Webhook:
        """Raises `NotFound`."""
        async with self._new_uow() as uow:
            return found(await self._store(uow.connection).get(webhook_id), caller)

    async def change(
        self, caller: Principal, webhook_id: UUID, version: int, fields: Mapping[str, Any]
    ) -> Webhook:
        """With another ``name``, ``url``, ``event_types`` or ``state``; at another address, or
        ACTIVE again, it starts without its failures. A type may be added that its scopes allow, or
        those of its own application's token.

        Raises `NotFound`, `StaleVersion`, `WebhookRefused`.
        """
        seen = await self.get(caller, webhook_id)
        scopes = seen.scopes
        if caller.client == seen.client:
            scopes |= caller.scopes & SCOPES
        new = [each for each in fields.get("event_types", ()) if each not in seen.event_types]
        await self._check(fields.get("url"), new, scopes)
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            before = await _read_at(store, caller, webhook_id, version)
            if all(getattr(before, name) == value for name, value in fields.items()):
                return before
            if new:
                fields = {**fields, "scopes": scopes}
            after = before.changed(self._clock(), **fields)
            await store.save(after)
            if (before.state, before.url) != (after.state, after.url):
                await store.resume(webhook_id)
            note(uow, "changed", after, before)
            return await uow.commit(after)

    async def delete(self, caller: Principal, webhook_id: UUID, version: int) -> None:
        """Raises `NotFound`, `StaleVersion`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            webhook = await _read_at(store, caller, webhook_id, version)
            await store.delete(webhook_id)
            note(uow, "deleted", webhook)
            await uow.commit()

    async def rotate(self, caller: Principal, webhook_id: UUID) -> Rotated:
        """A new secret; the one before signs beside it for 24 hours more. Raises `NotFound`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            webhook = found(await store.locked(webhook_id), caller)
            until = self._clock() + OVERLAP
            await store.retire_secrets(webhook_id, until)
            secret = await self._add_secret(store, webhook)
            note(uow, "secret_rotated", webhook)
            await uow.commit(Rotated(None, until))
            return Rotated(secret, until)

    async def _add_secret(self, store: WebhookStore, webhook: Webhook) -> str:
        secret, secret_id = new_secret(), uuid7()
        sealed = self._keys.encrypt(_PURPOSE, secret, _place_of(secret_id))
        await store.add_secret(Secret(secret_id, webhook.id, sealed, None))
        return secret

    async def _check(
        self, url: str | None, event_types: Sequence[str], scopes: frozenset[str]
    ) -> None:
        """Raises `WebhookRefused` with every defect."""
        errors = [
            {"pointer": f"#/event_types/{index}", "detail": detail}
            for index, each in enumerate(event_types)
            if (detail := _type_refusal(each, scopes))
        ]
        if url is not None and (reason := await self._addresses.refusal(url)):
            english, chinese = reason
            detail = worded(
                f"Nothing can be sent there: {english}.", f"无法向该地址推送：{chinese}。"
            )
            errors.append({"pointer": "#/url", "detail": detail})
        if errors:
            raise WebhookRefused(
                "Correct what the errors name; the event types are listed at"
                " /gateway/v1/event-types.",
                zh="请按 errors 逐项更正；可订阅的事件类型见 /gateway/v1/event-types。",
                errors=errors,
            )


def opened(keys: KeyRing, secret: Secret) -> str:
    """Raises `shared.encryption.UndecryptableField`."""
    return keys.decrypt(_PURPOSE, secret.sealed, _place_of(secret.id))


def reach_of(caller: Principal) -> Reach:
    """An application reaches what was made by its own tokens; a person what is kept where the
    person's roles count."""
    own = caller.client if caller.subject == caller.client else None
    return Reach(INTEGRATE.admitted_paths(caller), own)


def found(webhook: Webhook | None, caller: Principal) -> Webhook:
    """`webhook`, if the caller reaches it. Raises `NotFound`."""
    client = reach_of(caller).client
    if (
        webhook is None
        or not INTEGRATE.holds(caller, webhook.organisation_path)
        or client not in (None, webhook.client)
    ):
        raise NotFound("You have no such webhook.", zh="您没有该推送订阅。")
    return webhook


def note(uow: UnitOfWork, what: str, after: Webhook, before: Webhook | None = None) -> None:
    """Audit what was done to it."""
    uow.audit.record(
        f"webhook.{what}",
        str(after.id),
        organisation=after.organisation_path,
        before=before and before.record,
        after=after.record,
    )


async def _read_at(
    store: WebhookStore, caller: Principal, webhook_id: UUID, version: int
) -> Webhook:
    """Locked. Raises `NotFound`, `StaleVersion`."""
    webhook = found(await store.locked(webhook_id), caller)
    if webhook.version != version:
        raise StaleVersion
    return webhook


def _place(caller: Principal, organisation: str | None) -> str:
    """The path of `organisation` as the caller's own grants tell it. Raises `Forbidden`."""
    INTEGRATE.admit(caller, None)
    label = organisation and organisation.rpartition(".")[2].replace("-", "").upper()
    for grant in grants_of(caller):
        if grant.role in INTEGRATE.roles and label in (None, grant.organisation):
            return grant.path
    raise Forbidden("You have no role at that organisation.", zh="您在该机构没有相应角色。")


def _type_refusal(event_type: str, scopes: frozenset[str]) -> str | None:
    kind = TYPES.get(event_type)
    if kind is None:
        return worded("It is not offered.", "没有该事件类型")
    if kind.scope not in scopes:
        return worded(f"It asks for the scope {kind.scope}.", f"需要权限范围 {kind.scope}")
    return None


def _place_of(secret_id: UUID) -> Place:
    return Place("webhook_secrets", "secret", str(secret_id))
