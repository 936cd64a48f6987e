"""What comes back to the egress client: bounded, whole, and over TLS from the name asked for."""

import asyncio
import gzip
import ssl
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from shared.egress import (
    Egress,
    EgressAnswer,
    EgressFailed,
    EgressPolicy,
    EgressRefused,
    parse_networks,
)
from tests.unit.shared.egress import (
    LOOPBACK,
    Names,
    Server,
    allowing_loopback,
    answer,
    serving,
)


async def fetch(reply: bytes, max_bytes: int = 1 << 20) -> EgressAnswer:
    async with serving() as server:
        server.reply = reply
        return await allowing_loopback(server, max_bytes=max_bytes).request(
            "GET", f"http://127.0.0.1:{server.port}/"
        )


async def test_a_body_longer_than_the_limit_is_not_kept() -> None:
    with pytest.raises(EgressFailed, match="longer than 1000 bytes"):
        await fetch(answer(b"x" * 1001), max_bytes=1000)
    assert (await fetch(answer(b"x" * 1000), max_bytes=1000)).content == b"x" * 1000


@pytest.mark.parametrize(
    "reply", [answer(b"x" * 5000), answer(b"no gzip", "Content-Encoding: gzip")]
)
async def test_whoever_wants_the_head_alone_is_not_failed_by_the_body(reply: bytes) -> None:
    async with serving() as server:
        server.reply = reply
        got = await allowing_loopback(server, max_bytes=1000).request(
            "POST", f"http://127.0.0.1:{server.port}/", read=False
        )
    assert (got.status, got.content) == (200, b"")


async def test_a_compressed_answer_is_decompressed() -> None:
    got = await fetch(answer(gzip.compress("课".encode() * 100), "Content-Encoding: gzip"))
    assert got.content == "课".encode() * 100


async def test_a_compressed_answer_of_several_members_is_read_whole() -> None:
    members = gzip.compress(b"first, ") + gzip.compress(b"second")
    got = await fetch(answer(members, "Content-Encoding: gzip"))
    assert got.content == b"first, second"


async def test_a_decompression_bomb_is_stopped_at_the_limit() -> None:
    bomb = gzip.compress(bytes(64 << 20))
    with pytest.raises(EgressFailed, match="longer than 100000 bytes"):
        await fetch(answer(bomb, "Content-Encoding: gzip"), max_bytes=100_000)


async def test_compressed_data_that_never_yields_a_byte_is_stopped_at_the_limit() -> None:
    endless = gzip.compress(b"") * 10_000
    with pytest.raises(EgressFailed, match="longer than 1000 bytes"):
        await fetch(answer(endless, "Content-Encoding: gzip"), max_bytes=1000)


@pytest.mark.parametrize(
    "reply",
    [
        answer(gzip.compress(b"hello")[:-4], "Content-Encoding: gzip"),
        answer(b"no gzip at all", "Content-Encoding: gzip"),
        answer(zlib.compress(b"hello"), "Content-Encoding: deflate"),
        answer(gzip.compress(gzip.compress(b"hello")), "Content-Encoding: gzip, gzip"),
        answer(b"hello", "Content-Encoding: br"),
        answer(b"hello")[:-1],
        b"not http\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000,
        b"",
    ],
    ids=[
        "gzip cut off",
        "no gzip",
        "deflate",
        "gzip twice",
        "brotli",
        "body cut off",
        "no HTTP",
        "endless headers",
        "nothing",
    ],
)
async def test_an_answer_that_cannot_be_read_whole_fails(reply: bytes) -> None:
    with pytest.raises(EgressFailed):
        await fetch(reply)


async def test_an_answer_that_drips_is_stopped_by_the_total_time() -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(100):
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with serving() as server:
        server.behave = drip
        with pytest.raises(EgressFailed, match=r"within 0\.3 s"):
            await allowing_loopback(server, seconds=0.3).request(
                "GET", f"http://127.0.0.1:{server.port}/"
            )


@pytest.mark.parametrize(
    ("head", "again"),
    [
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
    ids=["interim answers", "chunks of one byte"],
)
async def test_an_answer_without_end_is_left_and_holds_nobody_else_up(
    head: bytes, again: bytes
) -> None:
    """Interim answers (RFC 9110 §15.2) come before the final one in any number."""
    gaps = list[float]()

    async def endlessly(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(again * 1000)
            await writer.drain()

    async def others() -> None:
        clock = asyncio.get_running_loop().time
        while True:
            before = clock()
            await asyncio.sleep(0)
            gaps.append(clock() - before)

    async with serving() as server:
        server.behave = endlessly
        waiting = asyncio.create_task(others())
        with pytest.raises(EgressFailed):
            await allowing_loopback(server, max_bytes=100_000).request(
                "GET", f"http://127.0.0.1:{server.port}/"
            )
        waiting.cancel()
    assert max(gaps) < 0.25


async def test_nobody_listening_is_a_failure() -> None:
    async with serving() as server:
        pass
    with pytest.raises(EgressFailed, match="ConnectError"):
        await allowing_loopback(server).request("GET", f"http://127.0.0.1:{server.port}/")


def test_networks_are_read_from_cidr() -> None:
    assert parse_networks("10.0.0.0/8, fd00::/8,") == (
        ip_network("10.0.0.0/8"),
        ip_network("fd00::/8"),
    )
    with pytest.raises(ValueError, match="host bits"):
        parse_networks("10.0.0.1/8")


@pytest.fixture(scope="module")
def school_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and self-signed certificate of school.example in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "school.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("school.example")]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "school.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certificate.public_bytes(Encoding.PEM)
    )
    return path


@asynccontextmanager
async def serving_school(certificate: Path) -> AsyncIterator[tuple[Server, list[str | None]]]:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    asked_for: list[str | None] = []
    tls.sni_callback = lambda _socket, name, _context: asked_for.append(name)
    async with serving(tls) as server:
        yield server, asked_for


def egress_over_tls(server: Server, certificate: Path) -> Egress:
    names = Names({"school.example": [["127.0.0.1"]], "other.example": [["127.0.0.1"]]})
    policy = EgressPolicy(networks=LOOPBACK, ports=frozenset({server.port}), seconds=5)
    return Egress(policy, names, ssl.create_default_context(cafile=str(certificate)))


async def test_tls_asks_for_the_name_and_checks_it(school_certificate: Path) -> None:
    async with serving_school(school_certificate) as (server, asked_for):
        egress = egress_over_tls(server, school_certificate)
        got = await egress.request("GET", f"https://school.example:{server.port}/")
        assert got.content == b"hello"
        assert asked_for == ["school.example"]


async def test_a_certificate_of_another_name_is_not_accepted(school_certificate: Path) -> None:
    async with serving_school(school_certificate) as (server, _):
        egress = egress_over_tls(server, school_certificate)
        assert (await egress.request("GET", f"https://school.example:{server.port}/")).status == 200
        with pytest.raises(EgressFailed, match="CERTIFICATE_VERIFY_FAILED"):
            await egress.request("GET", f"https://other.example:{server.port}/")


async def test_a_redirect_from_https_to_http_is_refused(school_certificate: Path) -> None:
    async with serving_school(school_certificate) as (server, _):
        server.reply = answer(
            b"", f"Location: http://school.example:{server.port}/", status="302 Found"
        )
        with pytest.raises(EgressRefused, match="https to http"):
            await egress_over_tls(server, school_certificate).request(
                "GET", f"https://school.example:{server.port}/", redirects=1
            )
