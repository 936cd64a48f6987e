"""`python -m services.copyright recover`."""

import asyncio
import sys
from collections.abc import Sequence

from services.copyright.adapters.consequences import DeadlineRepository
from services.copyright.adapters.log import LogRepository
from services.copyright.adapters.objects import public_files
from services.copyright.adapters.recovery import RecoveryRepository
from services.copyright.adapters.signing import SignerClient
from services.copyright.adapters.witnesses import WitnessClient
from services.copyright.application.log_ports import LogBehind
from services.copyright.application.log_recovery import Recoverer
from services.copyright.application.log_witnessing import Quorum, Witnessing
from services.copyright.parts.registrations import periods
from services.copyright.settings import Settings
from services.copyright.verify.notes import SignatureInvalid
from shared import logs
from shared.errors import Unavailable
from shared.service import Runtime


def recoverer(runtime: Runtime, settings: Settings) -> Recoverer:
    """What brings a database up to the public log."""
    return Recoverer(
        runtime.new_uow,
        LogRepository,
        RecoveryRepository,
        DeadlineRepository,
        public_files(settings),
        SignerClient(settings.signer_url, settings.signer_token.get_secret_value()),
        Witnessing([WitnessClient(at) for at in settings.witnesses], Quorum(0)),
        settings.log_origin,
        periods(settings),
    )


def recover(_argv: Sequence[str]) -> int:
    """bring back from the public log what this database lost"""
    settings = Settings.load()
    logs.configure("copyright", settings.log_level)
    return asyncio.run(_recover(settings))


async def _recover(settings: Settings) -> int:
    runtime = Runtime("copyright", settings, {})
    try:
        done = await recoverer(runtime, settings).recover()
    except (LogBehind, SignatureInvalid, Unavailable) as reason:
        sys.stderr.write(f"Nothing was changed 未作更改: {reason}\n")
        return 1
    finally:
        await runtime.close()
    sys.stdout.write(
        f"{done.entries} entries brought back 已恢复 {done.entries} 条"
        f" ({done.unsigned} of them yet to be signed 其中待签名 {done.unsigned} 条);"
        f" {done.dropped} queued events contradicted the log and were dropped"
        f" 与日志冲突而放弃 {done.dropped} 条\n"
    )
    return 0
