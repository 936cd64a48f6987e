"""The scrubber in the background, and as a command."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from services.catalog.adapters.files import FileRepository
from services.catalog.adapters.objects import object_store
from services.catalog.adapters.scrubbing import ScrubRepository
from services.catalog.application.scrubbing import Scrubber
from services.catalog.routes.scrubbing import scrubbing_router
from services.catalog.settings import Settings
from shared import logs
from shared.encryption import KeyRing
from shared.errors import Unavailable
from shared.pages import Cursors
from shared.service import Part, Runtime
from shared.storage import ObjectStore

_WITHOUT_SETTINGS = (
    "The files cannot be read again: {error} Run this with the environment of the service: its"
    " SHUYUAN_CATALOG_* variables, its secrets among them or in SHUYUAN_SECRETS_DIR."
    " 请使用该服务的环境变量（SHUYUAN_CATALOG_*，密钥可放在 SHUYUAN_SECRETS_DIR）运行。\n"
)
_REPAIR = (
    "Put the objects back from a backup and run this with --open; or whoever holds such a file, as"
    " its drafts' check tells, uploads it once more, which repairs it."
    " 请从备份恢复这些对象后以 --open 重新运行；或由持有者（草稿检查会提示）重新上传同一文件，"
    "即可修复。\n"
)


@dataclass(frozen=True, kw_only=True)
class ScrubbingPart(Part):
    scrubber: Scrubber


def build(runtime: Runtime, settings: Settings, *, objects: ObjectStore) -> ScrubbingPart:
    keys = KeyRing.parse(settings.master_keys.get_secret_value())
    scrubber = _scrubber(runtime, settings, objects)
    return ScrubbingPart(
        routers=[scrubbing_router(scrubber, Cursors(keys.derive("cursors")))],
        tasks={"scrubber": scrubber.run},
        scrubber=scrubber,
    )


def _scrubber(runtime: Runtime, settings: Settings, objects: ObjectStore) -> Scrubber:
    return Scrubber(
        runtime.new_uow,
        ScrubRepository,
        FileRepository,
        objects,
        settings.scrub_bytes_per_second,
    )


def scrub(argv: Sequence[str]) -> int:
    """read stored files again; exit 1 where one is missing or altered"""
    parser = argparse.ArgumentParser(
        prog="python -m services.catalog scrub",
        description="Read every stored file again, at full speed.",
    )
    parser.add_argument(
        "--open", action="store_true", help="only those of which something was found before"
    )
    every = not parser.parse_args(argv).open
    settings = Settings.load()
    logs.configure("catalog", settings.log_level)
    try:
        return asyncio.run(_scrub(settings, every=every))
    except Unavailable as error:
        sys.stderr.write(_WITHOUT_SETTINGS.format(error=error))
        return 2


async def _scrub(settings: Settings, *, every: bool) -> int:
    runtime = Runtime("catalog", settings, {})
    scrubber = _scrubber(runtime, settings, object_store(settings))
    try:
        read, found = await (scrubber.check_all() if every else scrubber.recheck())
    finally:
        await runtime.close()
    for each in found:
        since = each.found_at.isoformat(timespec="seconds")
        sys.stdout.write(f"{each.kind.lower():<9} {each.object_key}  since {since}\n")
    sys.stdout.write(
        f"{read} files read 已重读文件 {read} 个; {len(found)} wrong 异常 {len(found)} 个\n"
    )
    if found:
        sys.stdout.write(_REPAIR)
    return 1 if found else 0
