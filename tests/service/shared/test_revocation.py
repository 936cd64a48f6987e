from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import nats
import orjson
import pytest
from nats.aio.client import Client

from shared import bus, events
from shared.events import Envelope
from shared.ids import uuid7
from shared.revocation import EVENT, RevocationFeed, RevokedTokens
from shared.settings import ServiceSettings
from shared.tasks import keep_running
from tests.service.shared.house import NatsServer, eventually, running

SCHEMA = {
    "type": "object",
    "required": ["kind", "value", "before", "expires_at"],
    "properties": {"kind": {"type": "string"}, "value": {"type": "string"}},
}


@pytest.fixture(autouse=True)
def _schema() -> None:
    (events.SCHEMAS / f"{EVENT}.json").write_bytes(orjson.dumps(SCHEMA))


@pytest.fixture
def settings(nats_server: NatsServer) -> ServiceSettings:
    return ServiceSettings(nats_url=nats_server.url)


@pytest.fixture
async def identity(nats_server: NatsServer) -> AsyncIterator[Client]:
    """A connection by which identity would publish."""
    client = await nats.connect(nats_server.url, allow_reconnect=False)
    await bus.ensure_stream(client.jetstream(), "identity")
    yield client
    await client.close()


async def revoke(client: Client, value: str) -> None:
    now = datetime.now(UTC)
    envelope = Envelope(
        id=uuid7(),
        source="/identity",
        type=EVENT,
        aggregate=value,
        time=now,
        data={
            "kind": "session",
            "value": value,
            "before": now.isoformat(),
            "expires_at": (now + timedelta(minutes=11)).isoformat(),
        },
    )
    await client.jetstream().publish(EVENT, envelope.to_json())


async def test_a_process_knows_what_was_revoked_before_it_started_and_hears_the_rest(
    settings: ServiceSettings, identity: Client
) -> None:
    revoked = RevokedTokens()

    async def knows(*values: str) -> bool:
        return all(revoked({"sid": value, "iat": 1}) for value in values)

    await revoke(identity, "before")
    async with running(RevocationFeed(settings, "trial", revoked).run()):
        await eventually(lambda: knows("before"))
        await revoke(identity, "after")
        await eventually(lambda: knows("before", "after"))
    assert not revoked({"sid": "another", "iat": 1})


async def test_what_is_no_revocation_is_passed_over(
    settings: ServiceSettings, identity: Client
) -> None:
    revoked = RevokedTokens()

    async def knows() -> bool:
        return revoked({"sid": "good", "iat": 1})

    await identity.jetstream().publish(EVENT, b"no envelope")
    await revoke(identity, "good")
    async with running(RevocationFeed(settings, "trial", revoked).run()):
        await eventually(knows)


async def test_what_is_known_stays_known_while_the_bus_is_away_and_it_is_found_again(
    settings: ServiceSettings, identity: Client, nats_server: NatsServer
) -> None:
    revoked = RevokedTokens()

    async def knows(value: str) -> bool:
        return revoked({"sid": value, "iat": 1})

    await revoke(identity, "early")
    async with running(keep_running("feed", RevocationFeed(settings, "trial", revoked).run)):
        await eventually(lambda: knows("early"))
        nats_server.kill()
        nats_server.wipe()
        assert await knows("early")
        nats_server.start()
        client = await nats.connect(nats_server.url, allow_reconnect=False)
        await bus.ensure_stream(client.jetstream(), "identity")
        await revoke(client, "late")
        await eventually(lambda: knows("late"))
        await client.close()
