"""No webhook leads inward: whatever its address, a canary on loopback hears no connection."""

from collections.abc import AsyncIterator, Callable
from ipaddress import ip_network

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from gateway.adapters.webhooks_sender import WebhookSender
from gateway.parts.webhooks import webhook_sender
from gateway.settings import Settings
from shared.clock import utc_now
from shared.egress import EgressPolicy
from tests.service.gateway.control.webhooks import (
    PUBLISHED,
    URL,
    Integrator,
    Receiver,
    courier_of,
    desk,
    receiving,
    webhooks_alone,
)
from tests.unit.shared.egress import Names
from tests.unit.shared.test_egress import LITERALS

__all__ = ["desk"]

NAMED: dict[str, list[list[str]]] = {
    "loopback.example": [["127.0.0.1"]],
    "loopback6.example": [["::1"]],
    "mapped.example": [["::ffff:127.0.0.1"]],
    "nat64.example": [["64:ff9b::7f00:1"]],
    "private.example": [["10.0.0.5"]],
    "metadata.example": [["169.254.169.254"]],
    "unique-local.example": [["fd00:ec2::254"]],
    "link-local.example": [["fe80::1%lo"]],
    "one-of-two.example": [["8.8.8.8", "127.0.0.1"]],
    "the-other.example": [["127.0.0.1", "8.8.8.8"]],
    "unspecified.example": [["0.0.0.0"]],  # noqa: S104 - an address to refuse
    "nowhere.example": [[]],
}
"""Names that lead inward, and their addresses."""

MEANT_OTHERWISE = [
    "{scheme}://school.example@127.0.0.1:{port}/",
    "{scheme}://127.0.0.1:{port}@loopback.example/",
    "{scheme}://school.example\\@127.0.0.1:{port}/",
    "{scheme}://127.0.0.1:{port}\\@school.example/",
    "{scheme}://school.example%40127.0.0.1:{port}/",
    "{scheme}://:@127.0.0.1:{port}/",
    "{scheme}:///127.0.0.1:{port}/",
    "{scheme}:127.0.0.1:{port}/",
    "{scheme}://127.0.0.1:{port}\r\nHost: school.example/",
    "{scheme}://127.0.0.1\t:{port}/",
    " {scheme}://127.0.0.1:{port}/",
    "//127.0.0.1:{port}/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/_POST%20/",
    "ws://127.0.0.1:{port}/",
    "unix:///var/run/docker.sock",
    "{scheme}://localhost:{port}/",
    "{scheme}://LOCALHOST.:{port}/",
    "{scheme}://unknown.example:{port}/",
]


def hostile(port: int) -> list[str]:
    literal = [f"{scheme}://{each}:{port}/" for scheme in ("http", "https") for each in LITERALS]
    named = [f"{scheme}://{each}:{port}/" for scheme in ("http", "https") for each in NAMED]
    other = [
        each.format(scheme=scheme, port=port)
        for scheme in ("http", "https")
        for each in MEANT_OTHERWISE
    ]
    return [*literal, *named, *other]


@pytest.fixture
async def canary() -> AsyncIterator[Receiver]:
    """Listens on both loopback addresses at one port, and should have nothing to tell."""
    async with receiving() as canary, receiving("::1", canary.port) as twin:
        canary.connections = 0
        yield canary
        assert (canary.connections, twin.connections) == (0, 0)


def resolver() -> Names:
    return Names({name: list(answers) for name, answers in NAMED.items()})


@pytest.fixture
def names() -> Names:
    return resolver()


@pytest.fixture
def build(canary: Receiver, names: Names) -> Callable[[Settings], FastAPI]:
    """As strict as by default, save that the canary's port and http are allowed."""

    def build(settings: Settings) -> FastAPI:
        changes = {"webhook_ports": f"443,{canary.port}", "webhook_plain_http": True}
        return webhooks_alone(settings.model_copy(update=changes), names)

    return build


async def test_no_webhook_is_made_for_an_address_that_leads_inward(
    desk: Integrator, canary: Receiver
) -> None:
    targets = hostile(canary.port)
    assert len(targets) > 60
    for url in targets:
        body = {"name": "n", "url": url, "event_types": [PUBLISHED]}
        answer = await desk.client.post(URL, headers=desk.own, json=body)
        assert answer.status_code == 422, url
        assert answer.json()["errors"][0]["pointer"] == "#/url", url
    assert canary.connections == 0
    assert await desk.owner.fetchval("SELECT count(*) FROM webhooks") == 0


async def test_no_event_goes_to_an_address_that_has_come_to_lead_inward(
    desk: Integrator, canary: Receiver, names: Names, owner: asyncpg.Connection
) -> None:
    """As a name does whose owner points it elsewhere once the webhook is made."""
    names.table["turns.example"] = [["8.8.8.8"]]
    body = {"name": "n", "url": "https://turns.example/", "event_types": [PUBLISHED]}
    made = await desk.client.post(URL, headers=desk.own, json=body)
    assert made.status_code == 201, made.text
    names.table["turns.example"] = [["127.0.0.1"]]
    targets = [*hostile(canary.port), f"http://turns.example:{canary.port}/"]
    columns = (
        "client, organisation_path, name, event_types, scopes, state, suspended, version,"
        " created_at, updated_at, free_at, failures"
    )
    await owner.execute(
        f"INSERT INTO webhooks (id, url, {columns}) SELECT uuidv7(), u.url, {columns}"  # noqa: S608 - constant columns
        " FROM webhooks, unnest($1::text[]) AS u (url)",
        targets,
    )
    await desk.published()
    sent = await desk.send_all(courier_of(desk.app, resolve=names))
    assert sent == len(targets) + 1
    states = await owner.fetch("SELECT state, status, failure FROM webhook_deliveries")
    assert {(row["state"], row["status"]) for row in states} == {("PENDING", None)}
    assert all(row["failure"] for row in states)
    assert canary.connections == 0


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 T", "308 P"])
async def test_no_redirect_is_followed(canary: Receiver, status: str) -> None:
    async with receiving() as receiver:
        networks = (ip_network("127.0.0.0/8"), ip_network("::1"))
        policy = EgressPolicy(networks, frozenset({receiver.port, canary.port}))
        sender = WebhookSender(policy, resolver(), utc_now, plain_http=True)
        for target in (f"http://127.0.0.1:{canary.port}/", f"//[::1]:{canary.port}/"):
            receiver.answers = [f"{status}\r\nLocation: {target}"]
            answer = await sender.send(receiver.url, {}, b"{}")
            assert answer.failure == f"it answered {status[:3]} / 对方应答 {status[:3]}"
        assert len(receiver.got) == 2


async def test_by_default_only_https_to_port_443_is_spoken(
    settings: Settings, canary: Receiver
) -> None:
    names = Names({"school.example": [["8.8.8.8"]]})
    app = webhooks_alone(settings, names)
    sender = webhook_sender(app.state.runtime, settings, names)
    assert await sender.refusal("https://school.example/") is None
    assert await sender.refusal("https://school.example:443/") is None
    assert await sender.refusal("http://school.example/") == (
        "only https is spoken",
        "只支持 https",
    )
    refused = await sender.refusal(f"https://school.example:{canary.port}/")
    assert refused == (f"port {canary.port} is not allowed", f"不允许使用 {canary.port} 端口")
    unsent = await sender.send("http://8.8.8.8/", {}, b"")
    assert unsent.failure == "only https is spoken / 只支持 https"
    await app.state.runtime.close()


async def test_an_answer_that_is_too_long_or_never_ends_is_a_failure() -> None:
    async with receiving() as receiver:
        policy = EgressPolicy((ip_network("127.0.0.1"),), frozenset({receiver.port}), 1024, 0.3)
        sender = WebhookSender(policy, resolver(), utc_now, plain_http=True)
        receiver.answers = ["200 OK\r\nX-Long: " + "x" * 200_000]
        assert (await sender.send(receiver.url, {}, b"{}")).failure
        receiver.delay = 1
        answer = await sender.send(receiver.url, {}, b"{}")
        assert "0.3 s" in (answer.failure or "")


async def test_an_address_is_only_looked_at_for_those_who_may_keep_webhooks(
    desk: Integrator, names: Names, client: httpx2.AsyncClient
) -> None:
    body = {"name": "n", "url": "https://loopback.example/", "event_types": [PUBLISHED]}
    asked = len(names.asked)
    for headers in ({}, desk.person("teacher"), desk.with_scopes("catalog.read")):
        answer = await client.post(URL, headers=headers, json=body)
        assert answer.status_code in (401, 403)
    assert len(names.asked) == asked
