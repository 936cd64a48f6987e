"""The public logs as static files (C2SP tlog-tiles): no account, no query."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.responses import Response

from services.copyright.application.log_ports import PublicFiles
from services.copyright.application.log_publishing import FOLDERS
from services.copyright.verify.monitor import CHECKPOINT_PATH
from services.copyright.verify.notes import Note, NoteMalformed
from shared.access import public
from shared.errors import NotFound, Unavailable
from shared.problems import declare

_NUMBER = "(x[0-9]{3}/)*[0-9]{3}(\\.p/[1-9][0-9]{0,2})?"
_TILE = f"^[0-9]{{1,2}}/{_NUMBER}$"
_ENTRIES = f"^{_NUMBER}$"
_FOREVER = {"cache-control": "public, max-age=31536000, immutable"}
_BRIEFLY = {"cache-control": "public, max-age=2"}
_BINARY: dict[int | str, dict[str, Any]] = {200: {"content": {"application/octet-stream": {}}}}

problems = declare({})

Log = Annotated[
    str,
    Path(
        pattern="^log(-sm3)?(-[1-9][0-9]?)?$",
        description="The log, its SM3 sibling `log-sm3`, or the first frozen log as `log-1` and"
        " `log-sm3-1`, the second as `log-2`, and so on.",
        examples=["log"],
    ),
]
Tile = Annotated[str, Path(pattern=_TILE, examples=["0/x001/x234/067", "0/000.p/5"])]
Bundle = Annotated[str, Path(pattern=_ENTRIES, examples=["000.p/5"])]


def log_router(files: PublicFiles, frozen: Sequence[PublicFiles]) -> APIRouter:
    """The files as they lie in the object store, where phase 3 read them back: those of the log,
    and of the frozen ones, the oldest first."""
    router = APIRouter(prefix="/copyright", tags=["log"])

    @router.get(
        "/{log}/checkpoint",
        summary="日志检查点",
        response_class=Response,
        responses={
            200: {"content": {"text/plain": {}}},
            **problems(NotFound, Unavailable),
        },
        **public(),
    )
    async def read_checkpoint(log: Log) -> Response:
        """The newest signed checkpoint (C2SP tlog-checkpoint)."""
        content = await _found(log, CHECKPOINT_PATH)
        try:
            Note.parse(content)
        except NoteMalformed:
            # An object store that was killed while it was written over may return half of it.
            raise Unavailable(
                "The checkpoint was not read whole. Ask again.", zh="检查点未能完整读出，请重试。"
            ) from None
        return Response(content, headers=_BRIEFLY, media_type="text/plain; charset=utf-8")

    @router.get(
        "/{log}/tile/entries/{bundle:path}",
        summary="日志条目",
        response_class=Response,
        responses={**_BINARY, **problems(NotFound, Unavailable)},
        **public(),
    )
    async def read_entries(log: Log, bundle: Bundle) -> Response:
        """A bundle of entries; both logs have the same."""
        both = log.replace(FOLDERS["sm3"], FOLDERS["sha256"])
        return _file(await _found(both, f"tile/entries/{bundle}"))

    @router.get(
        "/{log}/tile/{tile:path}",
        summary="日志哈希块",
        response_class=Response,
        responses={**_BINARY, **problems(NotFound, Unavailable)},
        **public(),
    )
    async def read_tile(log: Log, tile: Tile) -> Response:
        """A tile of hashes: SHA-256 in the log, SM3 in its sibling."""
        return _file(await _found(log, f"tile/{tile}"))

    async def _found(log: str, path: str) -> bytes:
        folder, number = _numbered(log)
        content = None
        if number <= len(frozen):
            kept = frozen[number - 1] if number else files
            content = await kept.read(f"{folder}/{path}")
        if content is None:
            raise NotFound(
                "The log has no such file: read its checkpoint.",
                zh="日志没有此文件，请查看检查点。",
            )
        return content

    return router


def _numbered(log: str) -> tuple[str, int]:
    """A log's folder, and which of the frozen ones it is, 0 for the log that is written."""
    folder = FOLDERS["sm3"] if log.startswith(FOLDERS["sm3"]) else FOLDERS["sha256"]
    return folder, int(log.removeprefix(folder).removeprefix("-") or 0)


def _file(content: bytes) -> Response:
    return Response(content, headers=_FOREVER, media_type="application/octet-stream")
