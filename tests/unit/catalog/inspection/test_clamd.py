"""The INSTREAM command, spoken with a stand-in that knows one virus."""

import asyncio
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.catalog.adapters.inspection_clamd import Clamd
from shared.errors import Unavailable

# The test string of EICAR, in two pieces so that no scanner stops at this file.
VIRUS = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
LIMIT = 1 << 20


async def _scan(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """What clamd does with `zINSTREAM`: chunks after their length, one of no length at the end."""
    assert await reader.readuntil(b"\0") == b"zINSTREAM\0"
    content = b""
    while length := struct.unpack("!L", await reader.readexactly(4))[0]:
        content += await reader.readexactly(length)
    if len(content) > LIMIT:
        writer.write(b"INSTREAM size limit exceeded. ERROR\0")
    elif VIRUS in content:
        writer.write(b"stream: Eicar-Test-Signature FOUND\0")
    else:
        writer.write(b"stream: OK\0")
    await writer.drain()
    writer.close()


@pytest.fixture(params=["port", "socket"])
async def clamd(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Clamd]:
    if request.param == "port":
        server = await asyncio.start_server(_scan, "127.0.0.1", 0)
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    else:
        address = str(tmp_path / "clamd")
        server = await asyncio.start_unix_server(_scan, address)
    async with server:
        yield Clamd(address, seconds=5)


async def test_a_clean_file_is_nothing(clamd: Clamd, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"lesson" * 99_000)

    assert await clamd(tmp_path / "file") is None


async def test_a_virus_is_named(clamd: Clamd, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\0" * 300_000 + VIRUS)

    assert await clamd(tmp_path / "file") == "Eicar-Test-Signature"


async def test_a_file_that_was_not_scanned_is_not_clean(clamd: Clamd, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"\0" * (LIMIT + 1))

    with pytest.raises(Unavailable, match="size limit"):
        await clamd(tmp_path / "file")


async def test_without_a_daemon_nothing_is_clean(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"lesson")

    with pytest.raises(Unavailable):
        await Clamd(str(tmp_path / "nobody"), seconds=1)(tmp_path / "file")


async def test_a_silent_daemon_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)
        writer.close()

    (tmp_path / "file").write_bytes(b"lesson")
    address = str(tmp_path / "clamd")
    async with await asyncio.start_unix_server(silent, address) as server:
        with pytest.raises(Unavailable):
            await Clamd(address, seconds=0.1)(tmp_path / "file")
        server.close()
