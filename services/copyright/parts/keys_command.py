"""`python -m services.copyright rotate-keys`."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from services.copyright.adapters.log import LogRepository
from services.copyright.adapters.log_reads import LogReadRepository
from services.copyright.adapters.signing import SignerClient
from services.copyright.application.log_keys import KeyRotation, Rotated
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


_PROCEDURE = """
1. In the signer's directory rename NAME.key to NAME.old.key (log, sibling, sibling.sm2, evidence),
   and start the signer again: it makes a new key, and signs with both.
2. Run this command at once: the log is told of the new key, under the old one's signature. Until
   then nobody is asked to believe the new key.
3. After 30 days delete NAME.old.key, start the signer again, and run this command once more.
"""


def rotate_keys(argv: Sequence[str]) -> int:
    """tell the log of new keys of its signer, and retire those that sign no more"""
    parser = argparse.ArgumentParser(
        prog="rotate-keys",
        description=_PROCEDURE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--at-once", action="store_true", help="retire before 30 days are over: a key was exposed"
    )
    given = parser.parse_args(argv)
    settings = Settings.load()
    logs.configure("copyright", settings.log_level)
    return asyncio.run(_rotate(settings, at_once=given.at_once))


async def _rotate(settings: Settings, *, at_once: bool) -> int:
    runtime = Runtime("copyright", settings, {})
    try:
        rotated = await rotation(runtime, settings).rotate(at_once=at_once)
    except Unavailable as reason:
        sys.stderr.write(f"Nothing was changed 未作更改: {reason}\n")
        return 1
    finally:
        await runtime.close()
    for vkey in rotated.added:
        sys.stdout.write(f"new 新公钥      {vkey}\n")
    for vkey in rotated.retired:
        sys.stdout.write(f"retired 已停用  {vkey}\n")
    for vkey, day in rotated.early:
        sys.stdout.write(
            f"not retired 未停用  {vkey}: its successor has not signed for 30 days. Put it back as"
            f" .old.key until {day:%Y-%m-%d}, or say --at-once."
            f" 新公钥启用未满 30 天，请放回旧密钥至该日，或加 --at-once。\n"
        )
    if rotated == Rotated((), ()):
        sys.stdout.write("nothing to do: the log knows the signer's keys 无变化\n")
    return 1 if rotated.early else 0
