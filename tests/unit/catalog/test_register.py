"""What the catalogue asks the copyright service, and what comes of it when that is away."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import pytest

from services.catalog.adapters.register import CLIENT_ID, MOST_CHARACTERS, CopyrightRegister
from services.catalog.application.register import Asked
from services.catalog.domain.checks import Registered
from services.catalog.domain.codes import Iscc
from services.identity.domain.components import CATALOG

RESOURCE = UUID("019aa1c7-44b0-7c19-9e5d-31a6f2807c9e")
FILES = [
    Asked(0, b"\1" * 32, Iscc("ISCC:IAD", "ISCC:GAD", None), "分数" * MOST_CHARACTERS),
    Asked(2, b"\2" * 32, None, "认识"),
]
MATCH = {"code": "Z-1", "tier": "near", "distance": 20, "share": None, "path": "a"}


class House(ThreadingHTTPServer):
    """Identity and copyright in one, which remember what they were asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.tokens = list[dict[str, list[str]]]()
        self.asked = list[dict[str, Any]]()
        self.good_token = "t1"
        self.status = 200


class Answering(BaseHTTPRequestHandler):
    server: House

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/identity/token":
            credentials = base64.b64decode(self.headers["authorization"].removeprefix("Basic "))
            assert credentials.decode() == f"{CLIENT_ID}:secret"
            self.server.tokens.append(parse_qs(body.decode()))
            self._answer(200, {"access_token": self.server.good_token, "expires_in": 600})
        elif self.headers["authorization"] != f"Bearer {self.server.good_token}":
            self._answer(401, {})
        else:
            self.server.asked.append(json.loads(body))
            files = [{"matches": [MATCH]}, {"matches": []}]
            self._answer(self.server.status, {"files": files})

    def _answer(self, status: int, told: dict[str, Any]) -> None:
        self.send_response(status)
        content = json.dumps(told).encode()
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Not to the terminal."""


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    thread = threading.Thread(target=house.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield house
    house.shutdown()
    thread.join()
    house.server_close()


@pytest.fixture
def register(house: House) -> CopyrightRegister:
    address = f"http://127.0.0.1:{house.server_port}"
    return CopyrightRegister(address, address, "secret")


def test_identity_knows_the_catalogue_under_its_name() -> None:
    assert str(CATALOG) == CLIENT_ID


async def test_codes_and_as_much_text_as_fits_are_asked_about(
    house: House, register: CopyrightRegister
) -> None:
    assert await register.like(FILES, RESOURCE) == [Registered(0, "Z-1", "near", 20, None)]
    [asked] = house.asked
    first, second = asked["files"]
    assert asked["apart_from"] == str(RESOURCE)
    assert first["iscc"] == {"instance": "ISCC:IAD", "data": "ISCC:GAD", "content": None}
    assert len(first["text"]) == MOST_CHARACTERS
    assert second == {"sha256": "02" * 32}


async def test_one_token_serves_until_it_is_refused(
    house: House, register: CopyrightRegister
) -> None:
    for token in ("t1", "t1", "t2"):
        house.good_token = token
        assert await register.like(FILES, RESOURCE) is not None
    assert len(house.tokens) == 2
    assert house.tokens[0] == {"grant_type": ["client_credentials"], "scope": ["copyright.read"]}


async def test_a_register_that_fails_is_left_alone_for_a_while(
    house: House, register: CopyrightRegister
) -> None:
    house.status = 503
    assert await register.like(FILES, RESOURCE) is None
    house.status = 200
    assert await register.like(FILES, RESOURCE) is None
    assert len(house.asked) == 1


async def test_nobody_listening_is_no_error() -> None:
    nobody = CopyrightRegister("http://127.0.0.1:9", "http://127.0.0.1:9", "secret")
    assert await nobody.like(FILES, RESOURCE) is None
