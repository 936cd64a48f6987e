"""HTTP of the standard library, for programs that serve a handful of requests a second."""

import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any

MAX_BODY = 1 << 20
PAUSE = 0.5  # seconds that work in order may take; whoever asks for health waits no longer
_PATIENCE = 10  # seconds that a client may keep silent
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Answer:
    """A whole response."""

    status: int
    body: bytes
    content_type: str = TEXT


Respond = Callable[[str, str, bytes, Mapping[str, str]], Answer]
"""From method, path, body and headers (lower-case names) to the answer."""


def health(working: Lock) -> Answer:
    """200 if `working`, which is held while one works, can be had; 503 when what holds it hangs."""
    if not working.acquire(timeout=PAUSE):
        return Answer(503, b"stuck\n")
    working.release()
    return Answer(200, b"alive\n")


def serve(respond: Respond, host: str, port: int) -> None:
    """Answer until SIGTERM or SIGINT."""
    server = listening(respond, host, port)

    def stop(*_signal: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


def listening(respond: Respond, host: str, port: int) -> ThreadingHTTPServer:
    """A server that is bound and has yet to serve; port 0 takes a free one."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = _PATIENCE

        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            length = self.headers.get("content-length", "")
            if not length.isdecimal() or int(length) > MAX_BODY:
                self.close_connection = True
                self._send(Answer(413, b"Send at most 1 MiB, with its length.\n"))
                return
            self._answer(self.rfile.read(int(length)))

        def _answer(self, body: bytes) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._send(respond(self.command, self.path, body, headers))

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            self.send_header("content-type", answer.content_type)
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_message: Any) -> None:
            """Nothing: what was signed stands in the memory file."""

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        daemon_threads = True

    return Server((host, port), Handler)
