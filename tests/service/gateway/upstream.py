"""A service that tells what reached it; every service of the house at once."""

import asyncio
import json
import threading
from collections.abc import Mapping
from typing import Any

import uvicorn

from shared.serving import listener

BIG = "x" * 4096


class Upstream:
    """Answers every request with what it saw; keeps ``METHOD target`` of each in `seen`."""

    def __init__(self, jwks: Mapping[str, Any]) -> None:
        self.seen: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.delay = 0.0
        self.drops = 0  # so many connections are closed instead of answered
        self.checked: list[str] = []  # what the control plane was asked, as path
        self.told: list[dict[str, str]] = []  # the headers of these questions
        self.away = False  # the control plane does not answer
        self.key_token = ""  # what the API key `good` becomes
        self._jwks = jwks
        self._socket = listener("127.0.0.1", 0)
        self.port = int(self._socket.getsockname()[1])

    def start(self) -> None:
        """Serve in a thread of its own, at the same port each time."""
        if self._socket.fileno() < 0:
            self._socket = listener("127.0.0.1", self.port)
        config = uvicorn.Config(
            self._app, interface="asgi3", log_config=None, lifespan="off", timeout_keep_alive=75
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join()
        self._socket.close()

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        if path == "/healthz":
            await _answer(send, 200, b"{}", [])
            return
        if path == "/identity/jwks.json":
            await _answer(send, 200, json.dumps(self._jwks).encode(), [])
            return
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        query = scope["query_string"].decode()
        target = scope["raw_path"].decode() + (f"?{query}" if query else "")
        if path.startswith("/check/"):
            await self._check(scope, send)
            return
        self.seen.append(f"{scope['method']} {target}")
        self.headers.append({k.decode(): v.decode("latin-1") for k, v in scope["headers"]})
        if self.drops:
            self.drops -= 1
            for connection in self._server.server_state.connections:
                connection.transport.abort()
            return
        await asyncio.sleep(self.delay)
        told = {"method": scope["method"], "target": target, "bytes": len(body)}
        headers = [(b"etag", b'"7"')] if "etag" in query else []
        if "big" in query:
            told["big"] = BIG
        await _answer(send, 200, json.dumps(told).encode(), headers)

    async def _check(self, scope: Any, send: Any) -> None:
        """As the control plane: `good` is a key, `busy` one whose quota is used up."""
        self.checked.append(scope["raw_path"].decode())
        if self.away:
            await asyncio.sleep(2)
        key = dict(scope["headers"]).get(b"x-api-key", b"good").decode()
        self.told.append({k.decode(): v.decode("latin-1") for k, v in scope["headers"]})
        limit = (b"ratelimit", b'"second";r=1;t=1')
        client = (b"x-client-id", b"keyholder")
        if key == "good":
            token = (b"authorization", f"Bearer {self.key_token}".encode())
            told = [limit, client, (b"x-subject", b"somebody")]
            shown = scope["path"].startswith("/check/token")
            await _answer(send, 200, b"", told if shown else [*told, token])
            return
        status = 429 if key == "busy" else 401
        body = b'{"type":"urn:test","title":"told"}'
        named = [client] if key == "busy" else []
        await _answer(send, status, body, [limit, *named, (b"retry-after", b"7")])


async def _answer(send: Any, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    fixed = [
        (b"content-type", b"application/json" if status < 400 else b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": fixed + headers})
    await send({"type": "http.response.body", "body": body})
