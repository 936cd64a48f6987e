"""One way to reach NATS: a connection that never reconnects by itself.

A client that reconnects also re-sends what it had buffered, behind messages that the broken
connection lost, and so breaks their order. Relay and inbox open a new connection instead and go on
from what PostgreSQL remembers.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import nats
import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    StreamInfo,
)
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError

from shared.settings import ServiceSettings

DUPLICATE_WINDOW = 600.0
KEPT_FOR = 30 * 24 * 3600.0


async def connect(
    settings: ServiceSettings, name: str, on_closed: Callable[[], None] = lambda: None
) -> Client:
    """Connect once, within 2 s; `on_closed` is told when the connection is gone.

    Replies come to subjects that only this user may hear. Raises whatever nats-py raises when it
    cannot connect.
    """

    async def closed() -> None:
        on_closed()

    return await nats.connect(
        settings.nats_url,
        user=settings.nats_user or None,
        password=settings.nats_password.get_secret_value() or None,
        name=name,
        inbox_prefix=f"_INBOX.{settings.nats_user}" if settings.nats_user else "_INBOX",
        connect_timeout=2,
        ping_interval=5,
        max_outstanding_pings=2,
        allow_reconnect=False,
        max_reconnect_attempts=0,
        drain_timeout=2,
        error_cb=_quiet,
        closed_cb=closed,
    )


async def _quiet(_error: Exception) -> None:
    """Faults surface in the call that meets them; nats-py would log each a second time."""


def stream_of(service: str) -> str:
    """The JetStream stream that carries the events of `service`."""
    return service.upper()


async def ensure_stream(js: JetStreamContext, service: str) -> StreamInfo:
    """The stream of `service`, made when it is missing (or was wiped)."""
    try:
        return await js.stream_info(stream_of(service))
    except NotFoundError:
        await js.add_stream(
            StreamConfig(
                name=stream_of(service),
                subjects=[f"{service}.>"],
                retention=RetentionPolicy.LIMITS,
                storage=StorageType.FILE,
                discard=DiscardPolicy.OLD,
                max_age=KEPT_FOR,
                duplicate_window=DUPLICATE_WINDOW,
            )
        )
        return await js.stream_info(stream_of(service))


BATCH = 100
PULL_SECONDS = 10.0
_NOTHING_NEW = ("404", "408")


class Follower:
    """Pulls from one consumer and hands messages over as soon as they arrive.

    nats-py's own ``fetch`` holds the first message back until its batch is full or out of time.
    """

    def __init__(self, client: Client, subscription: Subscription, subject: str) -> None:
        self._client = client
        self._subscription = subscription
        self._subject = subject
        self._wanted = 0

    async def next(self) -> list[Msg]:
        """One message or more, or none after ten seconds. Raises ConnectionError when the
        connection or the consumer is gone."""
        if self._wanted == 0:
            pull = {"batch": BATCH, "expires": int(PULL_SECONDS * 1e9)}
            reply = self._subscription.subject
            await self._client.publish(self._subject, orjson.dumps(pull), reply=reply)
            self._wanted = BATCH
        messages: list[Msg] = []
        try:
            while self._wanted and (not messages or self._subscription.pending_msgs):
                message = await self._subscription.next_msg(timeout=PULL_SECONDS + 1)
                status = (message.headers or {}).get("Status")
                if status is None:
                    messages.append(message)
                    self._wanted -= 1
                elif status in _NOTHING_NEW:
                    self._wanted = 0
                else:
                    raise ConnectionError(f"the consumer is gone: {message.headers}")
        except TimeoutError:
            self._wanted = 0
        if self._client.is_closed:
            raise ConnectionError("the connection to NATS was lost")
        return messages


@asynccontextmanager
async def follow(
    client: Client, stream: str, subjects: Sequence[str], sequence: int
) -> AsyncIterator[Follower]:
    """The messages of `stream` on `subjects` from `sequence` on, through a consumer that NATS
    names, and forgets when nobody pulls."""
    js = client.jetstream()
    consumer = await js.add_consumer(
        stream,
        ConsumerConfig(
            filter_subjects=list(subjects),
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=sequence,
            ack_policy=AckPolicy.NONE,
            mem_storage=True,
            inactive_threshold=30.0,
        ),
    )
    subscription = await client.subscribe(client.new_inbox())
    try:
        yield Follower(client, subscription, f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer.name}")
    finally:
        with suppress(Exception):
            await subscription.unsubscribe()
