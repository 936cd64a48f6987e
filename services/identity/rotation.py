"""`rotate-keys`, a command of the identity service."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from services.identity.app import build_parts
from services.identity.domain.keys import NextKeyTooNew
from services.identity.settings import Settings
from shared import logs
from shared.context import RequestContext, acting
from shared.service import Runtime


def rotate_keys(argv: Sequence[str]) -> int:
    """sign with the next keys from now on; what is signed already still verifies"""
    argparse.ArgumentParser(prog="python -m services.identity rotate-keys").parse_args(argv)
    settings = Settings.load()
    logs.configure("identity", settings.log_level)
    try:
        asyncio.run(_rotate(settings))
    except NextKeyTooNew as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("The next keys are active; every process signs with them within a minute.\n")
    return 0


async def _rotate(settings: Settings) -> None:
    runtime = Runtime("identity", settings, {})
    try:
        with acting(RequestContext(actor="operator")):
            await build_parts(runtime, settings).provider.rotate_keys()
    finally:
        await runtime.close()
