"""Time-stamps of somebody else's authority, over real HTTP on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.copyright.adapters.timestamps import RemoteAuthority
from services.copyright.settings import AuthorityAt
from shared.egress import Egress, EgressPolicy, parse_networks
from shared.errors import Unavailable
from tests.unit.copyright.conftest import Authority

MESSAGE = b"log.example/test\n1\n"


@asynccontextmanager
async def listening(authority: Authority, status: str = "200 OK") -> AsyncIterator[int]:
    """An RFC 3161 authority over HTTP (section 3.4); its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert b"content-type: application/timestamp-query" in head
        length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        query, reply = authority.folder / "remote.tsq", authority.folder / "remote.tsr"
        query.write_bytes(await reader.readexactly(length))
        config = ["-config", str(authority.folder / "tsa.cnf"), "-section", "own"]
        given = ["-queryfile", str(query), "-out", str(reply)]
        await asyncio.to_thread(authority.openssl, "ts", "-reply", *config, *given)
        body = reply.read_bytes()
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def remote(
    authority: Authority, port: int, networks: str = "127.0.0.0/8", root: Path | None = None
) -> RemoteAuthority:
    folder = authority.folder
    at = AuthorityAt(
        name="else",
        url=f"http://127.0.0.1:{port}/tsa",
        certificate=str(root or folder / "root.pem"),
        chain=str(folder / "tsa.pem"),
    )
    policy = EgressPolicy(networks=parse_networks(networks), ports=frozenset({port}))
    return RemoteAuthority(at, Egress(policy))


async def test_an_authority_of_an_allowed_network_stamps(authority: Authority) -> None:
    async with listening(authority) as port:
        _, chain, time = await remote(authority, port).stamp(MESSAGE)
    assert abs(datetime.now(UTC) - time) < timedelta(minutes=1)
    assert chain == authority.chain


async def test_an_authority_within_the_own_network_is_refused_unless_allowed(
    authority: Authority,
) -> None:
    async with listening(authority) as port:
        with pytest.raises(Unavailable, match="not on the public Internet"):
            await remote(authority, port, networks="").stamp(MESSAGE)


async def test_an_authority_that_answers_with_an_error_gives_no_stamp(
    authority: Authority,
) -> None:
    async with listening(authority, "503 Service Unavailable") as port:
        with pytest.raises(Unavailable, match="503"):
            await remote(authority, port).stamp(MESSAGE)


async def test_a_stamp_under_another_root_is_refused(authority: Authority, tmp_path: Path) -> None:
    stranger = tmp_path / "root.pem"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    made = ["-keyout", f"{tmp_path}/key", "-out", str(stranger), "-subj", "/CN=other"]
    authority.openssl("req", "-x509", *curve, *made)
    async with listening(authority) as port:
        with pytest.raises(Unavailable, match="not among"):
            await remote(authority, port, root=stranger).stamp(MESSAGE)
