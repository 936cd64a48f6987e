"""The house through its front door: what every service has in common, on the running stack."""

import asyncio
import re
import socket
import time
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.conftest import Stack

SERVICES = ("identity", "catalog", "learning", "copyright")


async def about(gateway: httpx2.AsyncClient, service: str) -> dict[str, object]:
    answer = await gateway.get(f"/{service}/v1/about")
    assert answer.status_code == 200
    body: dict[str, object] = answer.json()
    return body


def component(stack: Stack, name: str) -> str:
    """The address at which a component itself listens."""
    components = stack.status()["components"]
    assert isinstance(components, list)
    (address,) = (each["address"] for each in components if each["name"] == name)
    return str(address)


@pytest.mark.parametrize("service", SERVICES)
async def test_every_service_tells_what_it_is(gateway: httpx2.AsyncClient, service: str) -> None:
    told = await about(gateway, service)
    assert told["service"] == service
    assert re.fullmatch(r"\d+\.\d+\.\d+", str(told["version"]))


@pytest.mark.parametrize("service", SERVICES)
async def test_every_service_hears_that_each_other_one_started(
    gateway: httpx2.AsyncClient, service: str
) -> None:
    """Twelve events, each from an outbox over the bus through an inbox to a row."""
    others = set(SERVICES) - {service}
    deadline = time.monotonic() + 20
    while True:
        heard_from = (await about(gateway, service))["heard_from"]
        assert isinstance(heard_from, list)
        if {each["service"] for each in heard_from} == others:
            break
        assert time.monotonic() < deadline, f"{service} heard from {heard_from} only"
        await asyncio.sleep(0.1)
    for each in heard_from:
        assert each["started_at"] == (await about(gateway, each["service"]))["started_at"]


@pytest.mark.parametrize("service", SERVICES)
async def test_every_service_is_alive_and_ready(stack: Stack, service: str) -> None:
    async with httpx2.AsyncClient(base_url=component(stack, service), trust_env=False) as direct:
        alive, ready = await direct.get("/healthz"), await direct.get("/readyz")
    assert (alive.status_code, alive.json()) == (200, {"status": "alive"})
    assert ready.status_code == 200
    assert ready.json()["status"] == "ready"
    assert set(ready.json()["dependencies"].values()) == {"up"}
    assert {"database", "bus"} <= set(ready.json()["dependencies"])


@pytest.mark.parametrize("path", ["healthz", "readyz", "metrics"])
@pytest.mark.parametrize("service", SERVICES)
async def test_what_is_for_operators_is_not_told_to_the_world(
    gateway: httpx2.AsyncClient, service: str, path: str
) -> None:
    for address in (f"/{path}", f"/{service}/{path}", f"/{service}/../{path}"):
        answer = await gateway.get(address)
        assert answer.status_code == 404, address


async def test_the_health_of_every_component_is_told(gateway: httpx2.AsyncClient) -> None:
    answer = await gateway.get("/health")
    assert answer.status_code == 200
    assert answer.json()["status"] == "up"
    assert set(SERVICES) | {"nats", "object-store"} <= set(answer.json()["components"])


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/catalogue/v1/about", *(f"/{each}/v1/nowhere" for each in SERVICES)]
)
async def test_a_path_that_no_contract_names_is_a_problem_of_the_gateway(
    gateway: httpx2.AsyncClient, path: str
) -> None:
    answer = await gateway.get(path)
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.status_code == answer.json()["status"] == 404


@pytest.mark.parametrize("path", ["/health", "/openapi.json", "/docs", "/identity/login"])
async def test_a_page_is_asked_about_without_its_body(
    gateway: httpx2.AsyncClient, path: str
) -> None:
    answer = await gateway.head(path)
    assert answer.status_code == (await gateway.get(path)).status_code
    assert answer.status_code in (200, 303)
    assert answer.content == b""


async def test_a_wrong_method_is_a_problem(gateway: httpx2.AsyncClient) -> None:
    answer = await gateway.post("/catalog/v1/about")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("language", "title"), [("zh-CN", "未找到"), ("en", "Not found")])
async def test_a_problem_is_told_in_the_language_of_the_caller(
    gateway: httpx2.AsyncClient, language: str, title: str
) -> None:
    answer = await gateway.get("/catalog/v1/nowhere", headers={"accept-language": language})
    assert answer.json()["title"] == title


async def test_the_gateway_names_each_request_and_its_answer_alike(
    gateway: httpx2.AsyncClient,
) -> None:
    answers = [await gateway.get("/catalog/v1/nowhere") for _ in range(2)]
    for answer in answers:
        assert answer.headers["x-request-id"] == answer.json()["request_id"]
    assert answers[0].headers["x-request-id"] != answers[1].headers["x-request-id"]


async def test_a_body_beyond_the_limit_is_refused(gateway: httpx2.AsyncClient) -> None:
    answer = await gateway.post("/catalog/v1/about", content=b"x" * (2 << 20))
    assert answer.status_code == 413


def ipv6_is_here() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not ipv6_is_here(), reason="this machine has no IPv6 loopback")
@pytest.mark.parametrize("name", ["gateway", *SERVICES])
async def test_every_listener_speaks_ipv6(stack: Stack, name: str) -> None:
    address = stack.gateway if name == "gateway" else component(stack, name)
    path = "/health" if name == "gateway" else "/healthz"
    url = f"http://[::1]:{urlsplit(address).port}{path}"
    async with httpx2.AsyncClient(trust_env=False) as client:
        assert (await client.get(url)).status_code == 200
