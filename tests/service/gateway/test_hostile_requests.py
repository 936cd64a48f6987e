"""Requests that make two servers disagree on where one ends, or that no client would send.

Each must be refused, and a request smuggled behind it must reach nobody (RFC 9112 §6 and §11.2).
"""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.service.gateway.door import Door

PUBLIC = "/catalog/v1/textbooks"
WRITE = "/catalog/v1/uploads"
SMUGGLED = b"GET /catalog/v1/dictionaries HTTP/1.1\r\nHost: gateway\r\n\r\n"
READING = (f"POST {WRITE}".encode(), f"GET {PUBLIC}".encode())
CHUNKED = b"5\r\nhello\r\n0\r\n\r\n"


def get(*lines: str, path: str = PUBLIC, version: str = "1.1") -> bytes:
    head = [f"GET {path} HTTP/{version}", "Host: gateway", *lines, "", ""]
    return "\r\n".join(head).encode("latin-1")


def post(*lines: str, body: bytes = b"") -> bytes:
    head = [f"POST {WRITE} HTTP/1.1", "Host: gateway", *lines, "", ""]
    return "\r\n".join(head).encode("latin-1") + body


FRAMING = {
    "length and chunks": post("Content-Length: 5", "Transfer-Encoding: chunked", body=CHUNKED),
    "chunks and length": post("Transfer-Encoding: chunked", "Content-Length: 5", body=CHUNKED),
    "two lengths that differ": post("Content-Length: 5", "Content-Length: 6", body=b"hello!"),
    "two lengths in one line": post("Content-Length: 5, 6", body=b"hello!"),
    "a negative length": post("Content-Length: -5", body=b"hello"),
    "a signed length": post("Content-Length: +5", body=b"hello"),
    "a hexadecimal length": post("Content-Length: 0x5", body=b"hello"),
    "a fractional length": post("Content-Length: 5.0", body=b"hello"),
    "an exponential length": post("Content-Length: 5e0", body=b"hello"),
    "a length that overflows": post("Content-Length: 99999999999999999999", body=b"hello"),
    "a length with a space within": post("Content-Length: 1 1", body=b"hello hello"),
    "an empty length": post("Content-Length: ", body=b"hello"),
    "a length in full-width digits": post("Content-Length: \xef\xbc\x95", body=b"hello"),
    "an unknown transfer coding": post("Transfer-Encoding: xchunked", body=CHUNKED),
    "identity as transfer coding": post("Transfer-Encoding: identity", body=b"hello"),
    "chunked not last": post("Transfer-Encoding: chunked, identity", body=CHUNKED),
    "chunked twice in one line": post("Transfer-Encoding: chunked, chunked", body=CHUNKED),
    "chunked twice": post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body=CHUNKED),
    "chunked with a prefix": post("Transfer-Encoding: \x0bchunked", body=CHUNKED),
    "chunked in quotes": post('Transfer-Encoding: "chunked"', body=CHUNKED),
    "chunked with a parameter": post("Transfer-Encoding: chunked;q=1", body=CHUNKED),
    "gzip as transfer coding": post("Transfer-Encoding: gzip, chunked", body=CHUNKED),
    "a space before the colon": post("Transfer-Encoding : chunked", body=CHUNKED),
    "a length with a space before the colon": post("Content-Length : 5", body=b"hello"),
    "a length with a carriage return within": post("Content-Length: 1\r0", body=b"hellohello"),
    "chunks in HTTP/1.0": post("Transfer-Encoding: chunked", body=CHUNKED).replace(
        b"/1.1", b"/1.0"
    ),
    "a chunk size that is no number": post(
        "Transfer-Encoding: chunked", body=b"z\r\nhello\r\n0\r\n\r\n"
    ),
    "a negative chunk size": post("Transfer-Encoding: chunked", body=b"-5\r\nhello\r\n0\r\n\r\n"),
    "a chunk size with a prefix": post(
        "Transfer-Encoding: chunked", body=b"0x5\r\nhello\r\n0\r\n\r\n"
    ),
    "a chunk size that overflows": post(
        "Transfer-Encoding: chunked", body=b"ffffffffffffffff1\r\nhello\r\n0\r\n\r\n"
    ),
    "a chunk longer than its size": post(
        "Transfer-Encoding: chunked", body=b"3\r\nhello\r\n0\r\n\r\n"
    ),
    "a chunk that ends in a line feed": post(
        "Transfer-Encoding: chunked", body=b"5\r\nhello\n0\n\n"
    ),
}
MENDED_FRAMING = {
    "a folded transfer coding": post("Transfer-Encoding:\r\n chunked", body=CHUNKED),
    "chunked before a carriage return": post("Transfer-Encoding: chunked\r", body=CHUNKED),
    "chunked behind a carriage return": post("Transfer-Encoding: \rchunked", body=CHUNKED),
    "a length before a carriage return": post("Content-Length: 5\r", body=b"hello"),
}
"""What Envoy reads as if it stood in one line, or without the carriage return (RFC 9112 §2.2 and
§5.2): SECURITY.md says what that asks of whatever stands before it."""
HEADERS = {
    "two tokens": get("Authorization: Bearer a", "Authorization: Bearer b"),
    "a header without a colon": get("nonsense"),
    "a header without a name": get(": nonsense"),
    "a header name with a space": get("x bad: 1"),
    "a header name with an underscore": get("x_subject: 1"),
    "a header name with a control character": get("x\x01bad: 1"),
    "a header name outside ASCII": get("x-\xe9: 1"),
    "a null in a header": get("x-bad: a\x00b"),
    "a first header that is folded": get().replace(b"Host:", b" Host:"),
    "no host": b"GET /catalog/v1/textbooks HTTP/1.1\r\n\r\n",
    "a host with a space": get().replace(b"Host: gateway", b"Host: gate way"),
    "a host with a path": get().replace(b"Host: gateway", b"Host: gateway/admin"),
    "a host with user info": get().replace(b"Host: gateway", b"Host: evil@gateway"),
    "a host with a word for a port": get().replace(b"Host: gateway", b"Host: gateway:port"),
    "an empty host": get().replace(b"Host: gateway", b"Host:"),
    "two hosts": get("Host: other"),
    "two hosts that are one": get("Host: gateway"),
    "headers without end": get("x-large: " + "1" * 70_000),
}
LINES = {
    "no version": b"GET /catalog/v1/textbooks\r\n\r\n",
    "an unknown version": get(version="3.1"),
    "HTTP/0.9": get(version="0.9"),
    "HTTP/1.0": get(version="1.0"),
    "an invented method": get().replace(b"GET", b"SMUGGLE"),
    "a method in lower case": get().replace(b"GET", b"get"),
    "CONNECT": b"CONNECT gateway:443 HTTP/1.1\r\nHost: gateway:443\r\n\r\n",
    "a space in the path": get(path=f"{PUBLIC} /x"),
    "a null in the path": get(path=f"{PUBLIC}\x00"),
    "an escaped null in the path": get(path=f"{PUBLIC}%00"),
    "an escaped slash in the path": get(path="/catalog%2fv1/textbooks"),
    "an escaped backslash in the path": get(path="/catalog%5cv1/textbooks"),
    "a fragment in the path": get(path=f"{PUBLIC}#fragment"),
    "a path without a slash": get(path="catalog/v1/textbooks"),
    "a broken escape in the path": get(path="/catalog/v1/%zz/%"),
    "a path outside ASCII": get(path="/catalog/v1/\xe9"),
    "dots that leave the root": get(path="/../../etc/passwd"),
    "a TLS greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
    "nothing but line ends": b"\r\n" * 64 + b"x\r\n\r\n",
    "an HTTP/2 preface that breaks off": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 64,
}
HOSTILE = {**{name: each + SMUGGLED for name, each in FRAMING.items()}, **HEADERS, **LINES}
MENDED = {
    "a lone carriage return in a header": get("x-bad: a\rx-worse: 1"),
    "a folded header": get("x-bad: a\r\n x-worse: 1"),
}


def told(door: Door, request: bytes) -> bytes:
    """Everything that comes back until the gateway closes, or has nothing more to say."""
    with socket.create_connection(("127.0.0.1", door.port), timeout=1.0) as connection:
        answer = b""
        try:
            connection.sendall(request)
            while part := connection.recv(65536):
                answer += part
        except (TimeoutError, ConnectionResetError, BrokenPipeError):
            pass
        return answer


def test_no_hostile_request_reaches_a_service(door: Door) -> None:
    assert len(HOSTILE) >= 40
    with ThreadPoolExecutor(16) as pool:
        answers = pool.map(lambda name: (name, told(door, HOSTILE[name])), HOSTILE)
    assert [name for name, answer in answers if b"HTTP/1.1 2" in answer] == []
    assert door.upstream.seen == []


def test_a_token_makes_no_spoilt_framing_good(door: Door) -> None:
    """Nor does an operation that anybody may call: without either, 401 comes first."""
    spoilt = {
        (name, way): allowed + SMUGGLED
        for name, each in FRAMING.items()
        for way, allowed in enumerate(_allowed(door, each))
    }
    with ThreadPoolExecutor(16) as pool:
        answers = pool.map(lambda name: (name, told(door, spoilt[name])), spoilt)
    assert [name for name, answer in answers if b"HTTP/1.1 2" in answer] == []
    assert door.upstream.seen == []


def _allowed(door: Door, request: bytes) -> tuple[bytes, bytes]:
    """`request` as somebody who may make it, and as one that anybody may."""
    line, _, rest = request.partition(b"\r\n")
    own = f"Authorization: Bearer {door.token('catalog.write')}\r\n".encode()
    return line + b"\r\n" + own + rest, request.replace(*READING)


@pytest.mark.parametrize("name", MENDED_FRAMING)
def test_framing_that_is_mended_is_one_request_for_the_gateway_and_the_service(
    door: Door, name: str
) -> None:
    _, request = _allowed(door, MENDED_FRAMING[name])
    told(door, request + SMUGGLED)
    assert door.upstream.seen == [f"GET {PUBLIC}", "GET /catalog/v1/dictionaries"]


@pytest.mark.parametrize(
    "name", ["two hosts", "two hosts that are one", "a host with user info", "an empty host"]
)
def test_a_host_that_names_no_server_is_refused_at_once(door: Door, name: str) -> None:
    """RFC 9112 §3.2."""
    assert told(door, HEADERS[name]).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "host", ["gateway:8080", "127.0.0.1:8080", "[::1]:8080", "[::1]", "my_host.example", "GATEWAY:"]
)
def test_a_host_that_names_a_server_is_answered(door: Door, host: str) -> None:
    request = get().replace(b"Host: gateway", f"Host: {host}".encode())
    assert told(door, request).startswith(b"HTTP/1.1 200")


def test_a_tunnel_is_refused_at_once(door: Door) -> None:
    assert told(door, LINES["CONNECT"]).startswith(b"HTTP/1.1 4")


@pytest.mark.parametrize("name", MENDED)
def test_a_header_over_two_lines_arrives_as_one(door: Door, name: str) -> None:
    """RFC 9112 §2.2 and §5.2: refused, or the line end replaced."""
    told(door, MENDED[name])
    (seen,) = door.upstream.headers
    assert "x-worse" not in seen
    assert seen["x-bad"].startswith("a")


def test_well_formed_requests_of_the_same_make_are_answered(door: Door) -> None:
    token = door.token("catalog.write")
    well = post(f"Authorization: Bearer {token}", "Transfer-Encoding: chunked", body=CHUNKED)
    assert told(door, well + SMUGGLED).count(b"HTTP/1.1 200") == 2
    assert door.upstream.seen == [f"POST {WRITE}", "GET /catalog/v1/dictionaries"]
