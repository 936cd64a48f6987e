"""The object stores of the suite: in memory, and a SeaweedFS of this run."""

import hashlib
import itertools
import json
import os
import secrets
import signal
import socket
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypedDict

import httpx2
import pytest
from minio import Minio
from minio.error import MinioException
from urllib3.exceptions import HTTPError

from shared.s3 import S3ObjectStore
from shared.storage import (
    ObjectStore,
)
from shared.testing.storage import FakeObjectStore

SOON = timedelta(minutes=5)


class ObjectStoreSettings(TypedDict):
    endpoint: str
    origin: str
    access_key: str
    secret_key: str
    bucket: str


def _sockets(port: int) -> list[Path]:
    """The socket files that SeaweedFS keeps for a port and its gRPC twin, 10,000 above."""
    home = Path(tempfile.gettempdir())
    return [
        each for twin in (port, port + 10_000) for each in home.glob(f"seaweedfs-*-{twin}.sock")
    ]


def _free_ports(count: int) -> list[int]:
    """Ports free with their twins and without socket files, as another user's hang the start."""
    found: list[int] = []
    while len(found) < count:
        port = secrets.randbelow(12_000) + 10_700  # its twin too is none that Linux hands out
        with suppress(OSError), socket.socket() as one, socket.socket() as twin:
            one.bind(("127.0.0.1", port))
            twin.bind(("127.0.0.1", port + 10_000))
            if port not in found and not _sockets(port):
                found.append(port)
    return found


@pytest.fixture(scope="session")
def object_store_settings(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ObjectStoreSettings]:
    """A SeaweedFS of this run, with one bucket and one key that reaches nothing else."""
    home = tmp_path_factory.mktemp("seaweedfs")
    bucket, access_key, secret_key = "files", secrets.token_hex(8), secrets.token_hex(16)
    identity = {
        "name": "test",
        "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
        "actions": [f"{action}:{bucket}" for action in ("Read", "Write", "List")],
    }
    (home / "s3.json").write_text(json.dumps({"identities": [identity]}))
    (home / "data").mkdir()
    ports = s3, filer, volume, master, admin = _free_ports(5)
    log = (home / "log").open("wb")
    weed = subprocess.Popen(
        [
            Path(sysconfig.get_path("scripts")) / "weed",
            "-logtostderr=true", "mini", f"-dir={home / 'data'}",
            "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false",
            "-admin.ui=false", "-webdav=false", "-s3.port.iceberg=0", "-s3.port.lance=0",
            f"-s3.config={home / 's3.json'}", f"-bucket={bucket}", f"-s3.port={s3}",
            f"-filer.port={filer}", f"-volume.port={volume}", f"-master.port={master}",
            f"-admin.port={admin}",
        ],
        cwd=home,
        env={**os.environ, "GOMEMLIMIT": "512MiB"},
        stdout=log,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        client = Minio(f"127.0.0.1:{s3}", access_key, secret_key, secure=False, region="us-east-1")
        _wait_until_ready(client, bucket, weed, home / "log")
        yield {
            "endpoint": f"http://127.0.0.1:{s3}",
            # Another name of the same host, so that a signature for the wrong one is noticed.
            "origin": f"http://localhost:{s3}",
            "access_key": access_key,
            "secret_key": secret_key,
            "bucket": bucket,
        }
    finally:
        weed.send_signal(signal.SIGINT)
        try:
            weed.wait(5)
        except subprocess.TimeoutExpired:
            weed.kill()
            weed.wait()
        log.close()
        for left_behind in itertools.chain.from_iterable(map(_sockets, ports)):
            left_behind.unlink()


def _wait_until_ready(s3: Minio, bucket: str, server: subprocess.Popen[bytes], log: Path) -> None:
    # /healthz already answers while keys and bucket are still being loaded.
    deadline = time.monotonic() + 20
    while server.poll() is None and time.monotonic() < deadline:
        with suppress(MinioException, HTTPError):
            if s3.bucket_exists(bucket):
                return
        time.sleep(0.05)
    pytest.fail(f"SeaweedFS did not start:\n{log.read_text()[-2000:]}")


@dataclass
class Store:
    objects: ObjectStore
    http: httpx2.AsyncClient


@pytest.fixture(params=["fake", "seaweedfs"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    objects: ObjectStore
    if request.param == "fake":
        objects = fake = FakeObjectStore()
        transport = fake.http()
    else:
        objects = S3ObjectStore(**request.getfixturevalue("object_store_settings"))
        transport = None
    async with httpx2.AsyncClient(transport=transport, trust_env=False) as http:
        yield Store(objects, http)


@pytest.fixture
def key() -> str:
    """A key of this test alone, with all that makes a key difficult."""
    return f"{secrets.token_hex(8)}/第一章 二次函数+(1)&%20?#.pdf"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def keys(store: Store, prefix: str) -> list[str]:
    return sorted([each.key async for each in store.objects.list(prefix)])
