"""Examines each file in a process of its own, which ends with it."""

import asyncio
import os
import stat
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
import structlog
from pydantic import AfterValidator, BaseModel, Field, ValidationError

from services.catalog.application.inspection_ports import Examination, Made, Stalled, Told
from services.catalog.inspection.codes import content_code
from services.catalog.inspection.report import CODES, found

_CHECKOUT = Path(__file__).resolve().parents[3]
_MOST_LINE_BYTES = 4 << 20
_MOST_MADE_BYTES = 16 << 20
_MOST_WRITTEN_BYTES = 4 << 30
_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "MALLOC_ARENA_MAX": "2",
    # Pictures come and go by the hundred: what one gave back is the next one's (mallopt(3)).
    "MALLOC_MMAP_THRESHOLD_": str(64 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(128 << 20),
}
_STRICTEST = frozenset({"network", "privileges", "files", "limits"})
_FIRST_PERCENT, _LAST_PERCENT = 40, 80

log = structlog.get_logger(__name__)


class _Made(BaseModel):
    kind: Literal["thumbnail", "preview", "page", "poster", "text"]
    number: Annotated[int, Field(ge=1, le=10_000)]
    media_type: Literal["image/jpeg", "image/webp", "text/plain; charset=utf-8"]
    width: int | None
    height: int | None


class _Finding(BaseModel):
    code: str
    where: str


class _Report(BaseModel):
    """What the process says; it may have been taken over by the file, so nothing in it is believed
    beyond its shape."""

    media_type: str | None
    findings: list[_Finding]
    facts: dict[str, Any]
    derivatives: Annotated[list[_Made], Field(max_length=200)]
    confined: list[str]
    fault: str | None
    content_code: Annotated[str, AfterValidator(content_code)] | None


class ExaminingProcess:
    """`services.catalog.application.inspection_ports.Examiner`. ``memory`` in bytes of addresses,
    ``seconds`` of processor time; by the clock it has three times as long, `longest`."""

    def __init__(self, *, memory: int, seconds: int) -> None:
        self._memory = memory
        self._seconds = seconds
        self.longest = 3.0 * seconds
        self._warned = False

    async def __call__(
        self, path: Path, filename: str, declared: str, work: Path, told: Told
    ) -> Examination:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.catalog.inspection"),
            cwd=_CHECKOUT,
            env=_ENVIRONMENT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_MOST_LINE_BYTES,
        )
        asked = {
            "path": str(path),
            "filename": filename,
            "declared": declared,
            "work": str(work),
            "memory": self._memory,
            "seconds": self._seconds,
            "written": _MOST_WRITTEN_BYTES,
        }
        try:
            async with asyncio.timeout(self.longest):
                said = await _converse(process, asked, told)
                await process.wait()
        except TimeoutError:
            raise Stalled from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if said is None:
            log.warning("an examining process ended without a report", code=process.returncode)
            return _costly() if _exhausted(process.returncode) else _unreadable()
        return self._examination(said, work)

    def _examination(self, said: bytes, work: Path) -> Examination:
        try:
            report = _Report.model_validate(orjson.loads(said)["report"])
        except (ValidationError, ValueError, KeyError, TypeError):
            return _unreadable()
        if not self._warned and not set(report.confined) >= _STRICTEST:
            log.warning("examining processes are not wholly confined", confined=report.confined)
            self._warned = True
        if report.fault:
            log.warning("a file could not be examined", fault=report.fault[:500])
        findings = [
            found(each.code if each.code in CODES else "unreadable", each.where)
            for each in report.findings
        ]
        if not findings and report.media_type is None:
            return _unreadable()
        made = [
            Made(each.kind, each.number, each.media_type, each.width, each.height, path)
            for each in report.derivatives
            if _is_kept(path := work / f"{each.kind}-{each.number}")
        ]
        return Examination(
            report.media_type, findings, report.facts, made, report.fault, report.content_code
        )


async def _converse(
    process: asyncio.subprocess.Process, asked: dict[str, Any], told: Told
) -> bytes | None:
    """Ask, pass the progress on, and return the line that reports; None without one."""
    if process.stdin is None or process.stdout is None:
        return None
    try:
        process.stdin.write(orjson.dumps(asked) + b"\n")
        await process.stdin.drain()
        process.stdin.close()
        while line := await process.stdout.readline():
            if line.startswith(b'{"report"'):
                return line
            heard = orjson.loads(line)
            share = min(max(int(heard["progress"]), 0), 100)
            told.progress = _FIRST_PERCENT + (_LAST_PERCENT - _FIRST_PERCENT) * share // 100
            if heard["step"] in {"recognising", "checking", "deriving"}:
                told.step = heard["step"]
    except (ValueError, KeyError, TypeError, ConnectionError):
        return None
    return None


def _exhausted(code: int | None) -> bool:
    """Ended by SIGXCPU; by SIGKILL, the hard limit or a machine out of memory; or by SIGABRT, as
    libraries do when memory runs out."""
    return code in (-24, -9, -6)


def _is_kept(path: Path) -> bool:
    """Whether it is a plain file of a size that such things have."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size <= _MOST_MADE_BYTES


def _costly() -> Examination:
    return Examination(None, [found("too-costly")])


def _unreadable() -> Examination:
    return Examination(None, [found("unreadable")])
