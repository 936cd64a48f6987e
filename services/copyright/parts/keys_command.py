"""`python -m services.copyright rotate-keys`."""

import asyncio
import sys
from collections.abc import Sequence

from services.copyright.adapters.log import LogRepository
from services.copyright.adapters.log_reads import LogReadRepository
from services.copyright.adapters.signing import SignerClient
from services.copyright.application.log_keys import KeyRotation
from services.copyright.parts.registrations import intake
from services.copyright.settings import Settings
from shared import logs
from shared.errors import Unavailable
from shared.service import Runtime


def rotation(runtime: Runtime, settings: Settings) -> KeyRotation:
    """What tells the log of the signer's keys."""
    return KeyRotation(
        runtime.new_uow,
        LogRepository,
        LogReadRepository,
        intake(settings, runtime.clock),
        SignerClient(settings.signer_url, settings.signer_token.get_secret_value()),
        settings.log_origin,
    )


def rotate_keys(_argv: Sequence[str]) -> int:
    """tell the log of new keys of its signer, and retire those that sign no more"""
    settings = Settings.load()
    logs.configure("copyright", settings.log_level)
    return asyncio.run(_rotate(settings))


async def _rotate(settings: Settings) -> int:
    runtime = Runtime("copyright", settings, {})
    try:
        rotated = await rotation(runtime, settings).rotate()
    except Unavailable as reason:
        sys.stderr.write(f"Nothing was changed 未作更改: {reason}\n")
        return 1
    finally:
        await runtime.close()
    for vkey in rotated.added:
        sys.stdout.write(f"new 新公钥      {vkey}\n")
    for vkey in rotated.retired:
        sys.stdout.write(f"retired 已停用  {vkey}\n")
    return 0
