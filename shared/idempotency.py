"""Idempotency-Key (IETF draft-ietf-httpapi-idempotency-key-header-07) on every POST.

The first status and body are stored in the transaction of the effect and given again to a repeat
for at least 24 hours; a repeat while the first is running is 409, another request under the same
key 422. What had no effect (a refusal, a failed commit) stores nothing: the repeat runs anew.

An answer may hold personal data: where the service has master keys, its body is stored encrypted,
and opens under its own scope and key only. A master key therefore leaves the ring no sooner than
the answers that it closed (``IDEMPOTENCY_RETENTION_HOURS``).

A route that creates something takes `Once` and says how its result is presented::

    @router.post("/spaces", status_code=201)
    async def open_space(body: OpenSpace, once: Once, spaces: SpacesDep) -> Response:
        return await once.answer(spaces.open(body.name), SpaceView.of, 201)

The use case commits ``await uow.commit(space)``; the unit of work stores the presented answer.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.context import current
from shared.encryption import KeyRing, Place, UndecryptableField, is_token
from shared.errors import IdempotencyKeyMalformed, IdempotencyKeyReused, RequestStillRunning
from shared.principal import MaybeCaller

T = TypeVar("T")

_PURPOSE = "idempotency-answer"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
# Two statements: the second sees what the holder before us committed just before we got the lock.
_HOLD = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:scope || ' ' || :key, 0))")
_FIRST = text(
    "SELECT fingerprint, status, headers, body FROM idempotency WHERE scope = :scope AND key = :key"
)
_STORE = text(
    "INSERT INTO idempotency (scope, key, fingerprint, status, headers, body)"
    " VALUES (:scope, :key, :fingerprint, :status, CAST(:headers AS jsonb), :body)"
)


class Replay(Exception):
    """The request was answered before: this is that answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


class Claim:
    """One request's claim on its Idempotency-Key, within the caller's own scope. Without ``keys``
    the answer is stored as it is."""

    def __init__(self, scope: str, key: str, fingerprint: bytes, keys: KeyRing | None) -> None:
        self._identity = {"scope": scope, "key": key}
        self._fingerprint = fingerprint
        self._keys = keys
        self._place = Place("idempotency", "body", f"{scope} {key}")
        self.present: Callable[[Any], Response] | None = None
        self.settled = False

    async def take(self, connection: AsyncConnection) -> None:
        """Hold the key for this transaction. Raises `Replay`, `IdempotencyKeyReused`,
        `RequestStillRunning`."""
        held = (await connection.execute(_HOLD, self._identity)).scalar_one()
        first = (await connection.execute(_FIRST, self._identity)).one_or_none()
        if first is not None:
            if first.fingerprint != self._fingerprint:
                raise IdempotencyKeyReused
            headers = {**first.headers, "idempotency-replayed": "true"}
            raise Replay(Response(self._opened(first.body), first.status, headers))
        if not held:
            raise RequestStillRunning(
                "Wait for the first request, then repeat it.", zh="请等待首次请求完成后再重复。"
            )

    async def store(self, connection: AsyncConnection, result: object) -> None:
        """Store the answer for `result` beside the effect."""
        await connection.execute(_STORE, self.row(result))

    def row(self, result: object) -> dict[str, Any]:
        """The answer for `result` as a row of ``idempotency``, for a use case that writes it
        itself."""
        if self.present is None:
            raise TypeError("a use case committed under an Idempotency-Key without Once.answer")
        response = self.present(result)
        kept = {
            name: value
            for name, value in response.headers.items()
            if name in ("content-type", "location", "etag")
        }
        return {
            **self._identity,
            "fingerprint": self._fingerprint,
            "status": response.status_code,
            "headers": orjson.dumps(kept).decode(),
            "body": self._closed(bytes(response.body)),
        }

    def _closed(self, body: bytes) -> bytes:
        return self._keys.encrypt(_PURPOSE, body.decode(), self._place) if self._keys else body

    def _opened(self, stored: bytes) -> bytes:
        """The stored answer. One from before there were keys is text. Raises
        `IdempotencyKeyReused` where its key has left the ring: what was done is not done again."""
        if self._keys is None or not is_token(stored):
            return stored
        try:
            return self._keys.decrypt(_PURPOSE, stored, self._place).encode()
        except UndecryptableField:
            raise IdempotencyKeyReused(
                "The request was carried out, but its answer can no longer be read: look up what"
                " it made before you send it again under a new key.",
                zh="该请求已执行，但首次的应答已无法读取：请先查询结果，确需再次提交时请换用新键。",
            ) from None


class Idempotent:
    """What a POST route answers through, with or without a key."""

    def __init__(self, claim: Claim | None) -> None:
        self._claim = claim

    async def answer(
        self,
        effect: Awaitable[T],
        present: Callable[[T], BaseModel],
        status: int,
        headers: Callable[[T], dict[str, str]] | None = None,
    ) -> Response:
        """Run the use case and answer with `present` of what it committed."""

        def respond(result: T) -> Response:
            body = present(result).model_dump_json(by_alias=True).encode()
            return Response(
                body, status, headers(result) if headers else None, media_type="application/json"
            )

        if self._claim is not None:
            self._claim.present = respond
        try:
            return respond(await effect)
        except Replay as replay:
            return replay.response


async def _once(
    request: Request,
    _caller: MaybeCaller,
    idempotency_key: Annotated[
        str | None,
        Header(
            description="Repeat a request safely: the first answer is given again.",
            examples=["0192f0c1-7e0a-7b1f-9d2e-3f4a5b6c7d8e"],
            json_schema_extra={"minLength": 1, "maxLength": 255},
        ),
    ] = None,
) -> Idempotent:
    if idempotency_key is None:
        return Idempotent(None)
    if not _KEY.fullmatch(idempotency_key):
        raise IdempotencyKeyMalformed(
            "Use 1 to 255 visible ASCII characters.", zh="请使用 1 至 255 个可见的 ASCII 字符。"
        )
    context = current()
    fingerprint = hashlib.sha256(
        b"\0".join(
            (
                request.method.encode(),
                request.url.path.encode(),
                request.url.query.encode(),
                await request.body(),
            )
        )
    ).digest()
    scope = f"{context.client or ''}/{context.actor}"
    keys: KeyRing | None = getattr(request.app.state, "keys", None)
    context.claim = Claim(scope, idempotency_key, fingerprint, keys)
    return Idempotent(context.claim)


Once = Annotated[Idempotent, Depends(_once)]
