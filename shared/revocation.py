"""Revoked tokens, in memory: what a `TokenVerifier` asks about every token.

A revocation names a claim and its value, and voids the tokens that carry it and were issued before
an instant. Tokens are short-lived, so a revocation is forgotten once the last of them has expired.
A token issued in the second of its revocation counts as issued before.

Identity reads them from its own table. Every process of another service follows the events by
itself, from a little more than a token's life ago, so a process that has just started knows them
too; while the bus is away it goes on with what it knows.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from shared import bus
from shared.events import Envelope, MalformedEvent
from shared.settings import ServiceSettings

EVENT = "identity.revocation.issued.v1"
LOOK_BACK = timedelta(minutes=15)

CLAIM_OF_KIND: Mapping[str, str] = {
    "token": "jti",
    "session": "sid",
    "family": "fam",
    "person": "sub",
    "client": "client_id",
    "consent": "sub",
}
_CLAIMS = tuple(dict.fromkeys(CLAIM_OF_KIND.values()))
_SWEEP_SECONDS = 60.0

log = structlog.get_logger(__name__)


class RevokedTokens:
    """The revocations now in force. Instants are Unix times in seconds."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._entries: dict[tuple[str, str], tuple[float, float]] = {}
        self._sweep_at = 0.0

    def add(self, kind: str, value: str, before: float, expires_at: float) -> None:
        """Note a revocation; one already known, or of an unknown kind, changes nothing."""
        claim = CLAIM_OF_KIND.get(kind)
        if claim is None:
            return
        known_before, known_expiry = self._entries.get((claim, value), (before, expires_at))
        self._entries[claim, value] = (max(before, known_before), max(expires_at, known_expiry))
        self._forget_expired()

    def __call__(self, claims: Mapping[str, Any]) -> bool:
        """Whether the token with these claims is void."""
        if not self._entries:
            return False
        for claim in _CLAIMS:
            entry = self._entries.get((claim, str(claims.get(claim))))
            if entry is not None and claims["iat"] < entry[0]:
                return True
        return False

    def _forget_expired(self) -> None:
        now = self._clock()
        if now < self._sweep_at:
            return
        self._sweep_at = now + _SWEEP_SECONDS
        self._entries = {key: entry for key, entry in self._entries.items() if entry[1] > now}


class RevocationFeed:
    """Tells `revoked` what identity revokes, until cancelled."""

    def __init__(self, settings: ServiceSettings, service: str, revoked: RevokedTokens) -> None:
        self._settings = settings
        self._name = f"{service}-revocations"
        self._revoked = revoked

    async def run(self) -> None:
        """Follow the events; a lost connection or a wiped stream ends the call with its error."""
        async with AsyncExitStack() as stack:
            nats = await bus.connect(self._settings, self._name)
            stack.push_async_callback(nats.close)
            stream = bus.stream_of("identity")
            consumer = await nats.jetstream().add_consumer(
                stream,
                ConsumerConfig(
                    filter_subject=EVENT,
                    deliver_policy=DeliverPolicy.BY_START_TIME,
                    opt_start_time=datetime.now(UTC) - LOOK_BACK,
                    ack_policy=AckPolicy.NONE,
                    mem_storage=True,
                    inactive_threshold=30.0,
                ),
            )
            subscription = await nats.subscribe(nats.new_inbox())
            pull = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer.name}"
            follower = bus.Follower(nats, subscription, pull)
            while True:
                for message in await follower.next():
                    self._take(message.data)

    def _take(self, raw: bytes) -> None:
        try:
            envelope = Envelope.from_json(raw)
            envelope.check()
        except MalformedEvent:
            log.exception("passed over what is no revocation")
            return
        told = envelope.data
        before, expires_at = (
            datetime.fromisoformat(told[name]).timestamp() for name in ("before", "expires_at")
        )
        self._revoked.add(told["kind"], told["value"], before, expires_at)
