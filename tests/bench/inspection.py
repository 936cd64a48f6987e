"""Inspecting a PDF of fifty pages; and a hundred mixed files while people read."""

import asyncio
import hashlib
import io
import os
import re
import secrets
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pikepdf
import psutil
from PIL import Image, PngImagePlugin

from shared.ids import uuid7
from shared.s3 import S3ObjectStore
from tests.bench.measure import Figure
from tests.bench.stack import BenchStack
from tests.hostile import archives, media, office, pdfs

File = tuple[str, str, bytes]
"""Name, declared type, content."""

PAGES = 50
PDF_SECONDS = 2.0
FILES = 100
TIMES_SLOWER = 3.0
READERS = 4
READ_EVERY_SECONDS = 0.05
WARM_SECONDS = 1.0
IDLE_SECONDS = 8.0
INSPECTOR = "catalog-inspector"
_READ = "/catalog/v1/about"
_UPLOAD = (
    "INSERT INTO uploads (id, owner, filename, media_type, size, sha256, method, state,"
    " object_key, part_size, created_at, expires_at, completed_at, version)"
    " VALUES ($1, 'bench', $2, $3, $4, $5, 'single', 'COMPLETED', $6, $4, now(),"
    " now() + interval '1 day', now(), 1)"
)
_QUEUE = (
    "INSERT INTO inspections (id, upload_id, state, step, progress, attempts, outages,"
    " lease_until, queued_at) VALUES ($1, $1, 'QUEUED', 'waiting', 0, 0, 0, now(), now())"
)
_LEFT = "SELECT count(*) FROM inspections WHERE state IN ('QUEUED', 'RUNNING')"
_SECONDS = (
    "SELECT extract(epoch FROM finished_at - started_at)::float8 FROM inspections WHERE id = $1"
)
_AVAILABLE = "SELECT count(*) FROM uploads WHERE owner = 'bench' AND state = 'AVAILABLE'"


async def bench(stack: BenchStack) -> list[Figure]:
    async with _place(stack) as (database, objects):
        pdf = await _fifty_pages(database, objects)
        return [pdf, await _mixed(stack, database, objects)]


@asynccontextmanager
async def _place(stack: BenchStack) -> AsyncIterator[tuple[asyncpg.Connection, S3ObjectStore]]:
    def secret(name: str) -> str:
        folder = stack.data / "secrets" / "catalog"
        return (folder / f"shuyuan_catalog_object_store_{name}").read_text()

    address = stack.address("object-store")
    objects = S3ObjectStore(
        endpoint=address,
        origin=address,
        access_key=secret("access_key"),
        secret_key=secret("secret_key"),
        bucket="catalog",
    )
    database = await asyncpg.connect(stack.database_url("catalog"))
    try:
        yield database, objects
    finally:
        await database.close()


async def _bring(
    database: asyncpg.Connection, objects: S3ObjectStore, files: Sequence[File]
) -> list[str]:
    """Uploads that were completed, and queued all at once."""
    ids = []
    for name, type_, content in files:
        id_ = uuid7()
        key = f"incoming/{id_}"
        await objects.put(key, content, type_)
        digest = hashlib.sha256(content).digest()
        await database.execute(_UPLOAD, id_, name, type_, len(content), digest, key)
        ids.append(id_)
    async with database.transaction():
        await database.executemany(_QUEUE, [(each,) for each in ids])
    return [str(each) for each in ids]


async def _done(database: asyncpg.Connection) -> None:
    while await database.fetchval(_LEFT):  # noqa: ASYNC110 - another process's table
        await asyncio.sleep(0.05)


async def _fifty_pages(database: asyncpg.Connection, objects: S3ObjectStore) -> Figure:
    """The first of four finds the worker cold, and is not counted."""
    taken = []
    for number in range(4):
        [id_] = await _bring(database, objects, [_pdf(PAGES, number)])
        await _done(database)
        taken.append(await database.fetchval(_SECONDS, id_))
    seconds = sorted(taken[1:])[1]
    return Figure(
        "inspection: a PDF of 50 pages",
        1 / seconds,
        f"{PDF_SECONDS:.0f} s a file",
        1 / PDF_SECONDS,
        PDF_SECONDS / seconds,
        1.0,
        {"seconds": seconds, "seconds, the worker being cold": taken[0]},
    )


async def _mixed(stack: BenchStack, database: asyncpg.Connection, objects: S3ObjectStore) -> Figure:
    readers = Readers(stack.address("catalog"))
    await readers.read(asyncio.sleep(WARM_SECONDS))
    idle = await readers.read(asyncio.sleep(IDLE_SECONDS))
    before = await database.fetchval(_AVAILABLE)
    files = [_file(number) for number in range(FILES)]
    await _bring(database, objects, files)
    used, began = _processor_seconds(stack), time.perf_counter()
    busy = await readers.read(_done(database))
    ended, spent = time.perf_counter(), _processor_seconds(stack)
    clean = await database.fetchval(_AVAILABLE) - before
    p99_idle, p99_busy = _p99_ms(idle), _p99_ms(busy)
    return Figure(
        "inspection: 100 mixed files, read p99 beside",
        1000 / p99_busy,
        f"{TIMES_SLOWER:.0f} times the p99 of the idle stack",
        1000 / (TIMES_SLOWER * p99_idle),
        TIMES_SLOWER * p99_idle / p99_busy,
        1.0,
        {
            "files a second": FILES / (ended - began),
            "seconds": ended - began,
            "cores busy inspecting": (spent - used) / (ended - began),
            "cores": float(os.cpu_count() or 1),
            "p99 ms, idle": p99_idle,
            "p99 ms, inspecting": p99_busy,
            "reads, inspecting": float(len(busy)),
            "found clean": float(clean),
        },
    )


class Readers:
    """A few people who read, each so often: not as many as the service could bear, since every
    core that is left is the inspector's to take."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._place = parts.hostname, parts.port
        self._request = f"GET {_READ} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()

    async def read(self, meanwhile: Coroutine[Any, Any, None]) -> list[float]:
        """Seconds that each read took until `meanwhile` was over."""
        over = asyncio.create_task(meanwhile)
        taken: list[float] = []
        await asyncio.gather(over, *(self._one(over, taken) for _ in range(READERS)))
        return taken

    async def _one(self, over: asyncio.Task[None], taken: list[float]) -> None:
        reader, writer = await asyncio.open_connection(*self._place)
        while not over.done():
            began = time.perf_counter()
            writer.write(self._request)
            head = await reader.readuntil(b"\r\n\r\n")
            [length] = re.findall(rb"(?i)content-length: ([0-9]+)", head)
            await reader.readexactly(int(length))
            taken.append(time.perf_counter() - began)
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"the read was answered {head[9:12].decode()}")
            await asyncio.sleep(READ_EVERY_SECONDS)
        writer.close()


def _p99_ms(taken: list[float]) -> float:
    return 1000 * sorted(taken)[len(taken) * 99 // 100]


def _processor_seconds(stack: BenchStack) -> float:
    """Of the inspector, and of the processes that examined files and ended."""
    times = psutil.Process(stack.pid(INSPECTOR)).cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def _pdf(pages: int, number: int) -> File:
    def entitle(document: pikepdf.Pdf) -> None:
        document.docinfo["/Title"] = f"{number} {secrets.token_hex(8)}"

    return "讲义.pdf", "application/pdf", pdfs.changed(entitle, pages=pages)


def _photograph() -> bytes:
    target, told = io.BytesIO(), PngImagePlugin.PngInfo()
    told.add_text("Title", secrets.token_hex(8))
    Image.effect_noise((1600, 1200), 60).save(target, "PNG", pnginfo=told)
    return target.getvalue()


def _file(number: int) -> File:
    """As a school has them: ten kinds in turn, no two files alike."""
    salt = secrets.token_hex(8).encode()
    part = {"customXml/item7.xml": b"<a>" + salt + b"</a>"}
    match number % 10:
        case 0 | 1:
            return _pdf(10, number)
        case 2:
            return "课件.pptx", "", office.remade(office.pptx(), add=part)
        case 3:
            return "教案.docx", "", office.remade(office.word(), add=part)
        case 4:
            return "成绩.xlsx", "", office.remade(office.excel(), add=part)
        case 5 | 6:
            return "照片.png", "image/png", _photograph()
        case 7:
            return "实验.mp4", "video/mp4", media.mp4() + media.box(b"free", salt)
        case 8:
            tag = b"ID3\3\0\0\0\0\0\x10" + salt
            return "朗读.mp3", "audio/mpeg", tag + media.mp3()
        case _:
            entries = {"说明.txt": salt, "教案.docx": office.word()}
            return "资料.zip", "application/zip", archives.zipped(entries)
