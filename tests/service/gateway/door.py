"""An Envoy of its own with the compiled configuration, before a service that tells what it saw."""

import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey

from gateway.compiler.compile import compiled, write
from gateway.compiler.operations import Operation, contracts, operations
from gateway.compiler.policy import Policy
from gateway.compiler.settings import Deployment
from shared.services import SERVICES
from stack.envoy_proxy import binary
from tests.service.gateway.upstream import Upstream

ISSUER = "http://gateway.test/identity"
STARTING_SECONDS = 20
POLICY = Policy.read()
OPERATIONS: list[Operation] = operations(contracts(), POLICY)


@dataclass
class Door:
    """A running Envoy and the service behind it."""

    directory: Path
    upstream: Upstream
    key: ECKey
    deployment: Deployment
    pid: int = 0

    @property
    def port(self) -> int:
        return self.deployment.port

    @property
    def origin(self) -> str:
        scheme = "https" if self.deployment.tls_certificate else "http"
        return f"{scheme}://127.0.0.1:{self.port}"

    def client(self, **options: Any) -> httpx2.Client:
        return httpx2.Client(base_url=self.origin, timeout=10, trust_env=False, **options)

    def token(self, *scopes: str, header: dict[str, str] | None = None, **claims: Any) -> str:
        """An access token (RFC 9068) with `scopes`; `claims` replace those it would have."""
        now = int(time.time())
        usual = {
            "iss": ISSUER,
            "aud": "shuyuan",
            "sub": "somebody",
            "client_id": "some-application",
            "iat": now,
            "exp": now + 600,
            "scope": " ".join(scopes),
        }
        kind = {"alg": "ES256", "typ": "at+jwt", "kid": "first", **(header or {})}
        return jwt.encode(kind, {**usual, **claims}, self.key)

    def bearer(self, *scopes: str, **claims: Any) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token(*scopes, **claims)}"}

    def compile(self, policy: Policy = POLICY, **changes: Any) -> None:
        """Write the configuration anew; Envoy takes it over by itself."""
        deployment = self.deployment.model_copy(update=changes)
        write(compiled(deployment, policy, self.directory), self.directory)

    def figure(self, name: str) -> int:
        """One of Envoy's own counters."""
        address = f"http://127.0.0.1:{self.deployment.admin_port}/stats?format=json&filter=^{name}$"
        found = httpx2.get(address, trust_env=False).json()["stats"]
        return int(found[0]["value"])


@contextmanager
def open_door(
    directory: Path, upstreams: Mapping[str, str] | None = None, **changes: Any
) -> Iterator[Door]:
    """``upstreams`` are services to go to in the place of the one that tells what it saw. Raises
    RuntimeError when Envoy does not start."""
    key = ECKey.generate_key("P-256", {"kid": "first", "alg": "ES256", "use": "sig"})
    upstream = Upstream({"keys": [key.as_dict(private=False)]})
    upstream.start()
    deployment = Deployment(
        **{
            "port": _free_port(),
            "admin_port": _free_port(),
            "issuer": ISSUER,
            "upstreams": {
                **dict.fromkeys(SERVICES, f"127.0.0.1:{upstream.port}"),
                **(upstreams or {}),
            },
            "access_log": str(directory / "access.log"),
            **changes,
        }
    )
    door = Door(directory, upstream, key, deployment)
    door.compile()
    command = [str(binary()), "-c", str(directory / "bootstrap.json"), "--disable-hot-restart"]
    more = ["--concurrency", "1", "-l", "error", "--reject-unknown-dynamic-fields"]
    process = subprocess.Popen([*command, *more])
    door.pid = process.pid
    try:
        _await_ready(deployment)
        yield door
    finally:
        process.terminate()
        process.wait()
        upstream.stop()


def _await_ready(deployment: Deployment) -> None:
    way = httpx2.HTTPTransport(uds=deployment.admin_socket or None)
    deadline = time.monotonic() + STARTING_SECONDS
    with httpx2.Client(transport=way, trust_env=False) as client:
        while time.monotonic() < deadline:
            try:
                if client.get(f"http://127.0.0.1:{deployment.admin_port}/ready").is_success:
                    return
            except httpx2.HTTPError:
                pass
            time.sleep(0.05)
    raise RuntimeError("Envoy did not become ready")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
