"""Time-stamp authorities (RFC 3161), by the ``openssl`` program."""

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from services.copyright.settings import AuthorityAt
from services.copyright.verify.merkle import CannotCheck
from services.copyright.verify.timestamps import TimestampInvalid, verify_timestamp
from shared.egress import Egress, EgressFailed, EgressRefused
from shared.errors import Unavailable

LONGEST_TOKEN = 256 << 10
"""Bytes of an answer; a token with its certificates has some ten thousand."""
PATIENCE = 10
"""Seconds for one stamp."""
_CONFIG = """
[tsa]
default_tsa = own
[own]
serial = {directory}/serial
signer_cert = {directory}/tsa.pem
signer_key = {directory}/tsa.key
signer_digest = sha256
default_policy = 1.3.6.1.4.1.32473.1
digests = sha256
ess_cert_id_alg = sha256
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
[stamping]
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[req]
distinguished_name = name
[name]
"""
_LOCAL = "/CN=Local time-stamps of this platform, no independent authority/O=Shuyuan"


class RemoteAuthority:
    """`services.copyright.application.log_ports.TimestampAuthority`, somebody else's."""

    local = False

    def __init__(self, at: AuthorityAt, egress: Egress) -> None:
        self.name = at.name
        self._at = at
        self._egress = egress

    async def stamp(self, message: bytes) -> tuple[bytes, bytes, datetime]:
        query = await asyncio.to_thread(_query, message)
        try:
            answer = await self._egress.request(
                "POST",
                self._at.url,
                content=query,
                headers={"content-type": "application/timestamp-query"},
            )
        except (EgressRefused, EgressFailed) as reason:
            raise _unavailable(self.name, str(reason)) from reason
        if answer.status != 200:
            raise _unavailable(self.name, f"it answered {answer.status}")
        chain = b""
        if self._at.chain:
            chain = await asyncio.to_thread(Path(self._at.chain).read_bytes)
        return await _checked(self.name, answer.content, message, await self.root(), chain)

    async def root(self) -> bytes:
        return await asyncio.to_thread(Path(self._at.certificate).read_bytes)


class LocalAuthority:
    """One made here, for a platform without any and for tests. Its stamps tell when this platform
    says it was, and its certificate says so."""

    local = True

    def __init__(self, at: AuthorityAt) -> None:
        self.name = at.name
        self._directory = Path(at.directory)

    async def stamp(self, message: bytes) -> tuple[bytes, bytes, datetime]:
        root = await self.root()
        response, chain = await asyncio.to_thread(self._reply, message)
        return await _checked(self.name, response, message, root, chain)

    async def root(self) -> bytes:
        return await asyncio.to_thread(self._made)

    def _reply(self, message: bytes) -> tuple[bytes, bytes]:
        with tempfile.TemporaryDirectory() as folder:
            query, reply = Path(folder, "query"), Path(folder, "reply")
            query.write_bytes(_query(message))
            config = ["-config", str(self._directory / "tsa.cnf"), "-section", "own"]
            _openssl("ts", "-reply", *config, "-queryfile", str(query), "-out", str(reply))
            return reply.read_bytes(), (self._directory / "tsa.pem").read_bytes()

    def _made(self) -> bytes:
        root = self._directory / "root.pem"
        if not root.exists():
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            before = os.umask(0o077)
            try:
                self._make()
            finally:
                os.umask(before)
        return root.read_bytes()

    def _make(self) -> None:
        here = self._directory
        (here / "tsa.cnf").write_text(_CONFIG.format(directory=here))
        (here / "serial").write_text("01\n")
        config = ["-config", f"{here}/tsa.cnf"]
        new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        _openssl(
            "req",
            "-x509",
            *config,
            *new,
            *("-keyout", f"{here}/root.key", "-out", f"{here}/root.new"),
            *("-days", "7300", "-subj", _LOCAL, "-extensions", "authority"),
        )
        asked = ["-keyout", f"{here}/tsa.key", "-out", f"{here}/tsa.csr", "-subj", _LOCAL]
        _openssl("req", "-new", *config, *new, *asked)
        _openssl(
            "x509",
            "-req",
            *("-in", f"{here}/tsa.csr", "-out", f"{here}/tsa.pem", "-days", "7299"),
            *("-CA", f"{here}/root.new", "-CAkey", f"{here}/root.key", "-CAcreateserial"),
            *("-extfile", f"{here}/tsa.cnf", "-extensions", "stamping"),
        )
        (here / "root.new").replace(here / "root.pem")  # last: with it, all is there


def authorities(
    listed: Sequence[AuthorityAt], egress: Egress
) -> list[RemoteAuthority | LocalAuthority]:
    """The authorities that settings list; somebody else's are asked by way of `egress`."""
    return [LocalAuthority(at) if at.directory else RemoteAuthority(at, egress) for at in listed]


async def _checked(
    name: str, response: bytes, message: bytes, root: bytes, chain: bytes
) -> tuple[bytes, bytes, datetime]:
    try:
        stamp = await asyncio.to_thread(verify_timestamp, response, message, root, chain)
    except (TimestampInvalid, CannotCheck) as reason:
        raise _unavailable(name, str(reason)) from reason
    return response, chain, stamp.time


def _query(message: bytes) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        data, query = Path(folder, "data"), Path(folder, "query")
        data.write_bytes(message)
        _openssl("ts", "-query", "-data", str(data), "-sha256", "-cert", "-out", str(query))
        return query.read_bytes()


def _openssl(*arguments: str) -> None:
    try:
        subprocess.run(
            ["openssl", *arguments],
            check=True,
            capture_output=True,
            timeout=PATIENCE,
        )
    except (OSError, subprocess.SubprocessError) as reason:
        raise _unavailable("openssl", repr(reason)) from reason


def _unavailable(name: str, reason: str) -> Unavailable:
    return Unavailable(f"No time-stamp from {name}: {reason}.", zh=f"{name} 未能签发时间戳。")
