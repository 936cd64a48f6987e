"""`python -m services.copyright freeze-log` and ``continue-log``."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence

from services.copyright.adapters.frozen_logs import FrozenLogRepository
from services.copyright.adapters.log import LogRepository
from services.copyright.adapters.log_reads import LogReadRepository
from services.copyright.application.log_freezing import CannotFreeze, Freezing, FrozenLog
from services.copyright.parts.registrations import intake
from services.copyright.settings import Settings
from shared import logs
from shared.errors import Unavailable
from shared.service import Runtime


def freezing(runtime: Runtime, settings: Settings) -> Freezing:
    """What freezes the log that the settings name, or begins it."""
    return Freezing(
        runtime.new_uow,
        LogRepository,
        FrozenLogRepository,
        LogReadRepository,
        intake(settings, runtime.clock),
        origin=settings.log_origin,
        quorum=settings.witness_quorum,
    )


def freeze_log(_argv: Sequence[str]) -> int:
    """end the log at its last checkpoint, for another to continue it"""
    return _run(lambda each: each.freeze(), "frozen 已冻结")


def continue_log(_argv: Sequence[str]) -> int:
    """begin the log of a new name with a commitment to the one that was frozen last"""
    return _run(lambda each: each.carry_on(), "continued 已接续")


def _run(step: Callable[[Freezing], Awaitable[FrozenLog]], done: str) -> int:
    settings = Settings.load()
    logs.configure("copyright", settings.log_level)
    return asyncio.run(_step(settings, step, done))


async def _step(
    settings: Settings, step: Callable[[Freezing], Awaitable[FrozenLog]], done: str
) -> int:
    runtime = Runtime("copyright", settings, {})
    try:
        frozen = await step(freezing(runtime, settings))
    except (CannotFreeze, Unavailable) as reason:
        sys.stderr.write(f"Nothing was changed 未作更改: {reason}\n")
        return 1
    finally:
        await runtime.close()
    sys.stdout.write(f"{done}: {frozen.origin}, {frozen.size}, {frozen.root.hex()}\n")
    return 0
