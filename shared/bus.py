"""One way to reach NATS: a connection that never reconnects by itself.

A client that reconnects also re-sends what it had buffered, behind messages that the broken
connection lost, and so breaks their order. Relay and inbox open a new connection instead and go on
from what PostgreSQL remembers.
"""

import nats
from nats.aio.client import Client
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig, StreamInfo
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError

from shared.settings import ServiceSettings

DUPLICATE_WINDOW = 600.0
KEPT_FOR = 30 * 24 * 3600.0


async def connect(settings: ServiceSettings, name: str) -> Client:
    """Connect once, within 2 s. Raises whatever nats-py raises when it cannot."""
    return await nats.connect(
        settings.nats_url,
        user=settings.nats_user or None,
        password=settings.nats_password.get_secret_value() or None,
        name=name,
        connect_timeout=2,
        allow_reconnect=False,
        max_reconnect_attempts=0,
        drain_timeout=2,
        error_cb=_quiet,
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
