"""What the one door does before anything reaches a service."""

import socket
from urllib.parse import urlsplit

import httpx2
import pytest

from shared.services import SERVICES
from stack.ports import loopbacks
from tests.conftest import Stack


@pytest.mark.parametrize("service", SERVICES)
async def test_each_prefix_leads_to_its_service(gateway: httpx2.AsyncClient, service: str) -> None:
    about = await gateway.get(f"/{service}/v1/about")
    assert about.status_code == 200
    assert about.json()["service"] == service


async def test_health_names_every_component_but_the_one_that_tells(
    gateway: httpx2.AsyncClient,
) -> None:
    health = await gateway.get("/health")
    assert health.status_code == 200
    others = {*SERVICES} - {"gateway"}
    assert set(health.json()["components"]) >= {*others, "nats", "object-store"}


@pytest.mark.parametrize(
    "path",
    ["/", "/healthz", "/readyz", "/metrics", "/identityX/v1/about", "/health/", "/nothing"],
)
async def test_whatever_has_no_route_is_a_problem_404(
    gateway: httpx2.AsyncClient, path: str
) -> None:
    answer = await gateway.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 404


def raw(stack: Stack, path: str) -> bytes:
    """The answer's first line to a path that no client library would send as it is."""
    url = urlsplit(stack.gateway)
    with socket.create_connection((url.hostname, url.port or 80), timeout=5) as connection:
        request = f"GET {path} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode())
        return connection.makefile("rb").readline()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/catalog/../identity/v1/about", b"200"),
        ("//catalog//v1/about", b"200"),
        ("/catalog/%2e%2e/metrics", b"404"),
        ("/catalog/..%2fmetrics", b"400"),
        ("/catalog%2fv1/about", b"400"),
        ("/catalog/v1/about%00", b"400"),
    ],
)
def test_paths_are_normalized_before_they_are_routed(
    stack: Stack, path: str, status: bytes
) -> None:
    assert raw(stack, path).split(b" ")[1] == status


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_the_gateway_listens_on_both_loopback_addresses(stack: Stack, host: str) -> None:
    if host.strip("[]") not in (*loopbacks(), "localhost"):
        pytest.skip("this machine has no IPv6")
    port = urlsplit(stack.gateway).port
    answer = httpx2.get(f"http://{host}:{port}/identity/v1/about", trust_env=False)
    assert answer.status_code == 200
