"""``python -m tests.service.identity.imports.worker KEY FILE``: the import worker alone.

It is forked anew whenever it dies; the roster in FILE is the object KEY. It prints ``pid N`` at
each start and ``step`` after each step, and ends when there is nothing left to do.
"""

import asyncio
import os
import sys
from pathlib import Path

from services.identity.application import importing
from services.identity.parts import imports
from services.identity.parts.provider import build_revocations
from services.identity.settings import Settings
from shared import logs
from shared.service import Runtime
from shared.testing.storage import FakeObjectStore

LINES = 5


def say(told: str) -> None:
    sys.stdout.write(f"{told}\n")
    sys.stdout.flush()


async def work(settings: Settings, key: str, content: bytes) -> None:
    objects = FakeObjectStore()
    await objects.put(key, content, "text/csv")
    runtime = Runtime("identity", settings, {})
    revocations = build_revocations(runtime)
    part = imports.build(runtime, settings, revocations=revocations, objects=objects)
    say(f"pid {os.getpid()}")
    while await part.importer.step():
        say("step")


if __name__ == "__main__":
    importing.STAGE_LINES = importing.STEP_LINES = LINES
    logs.configure("identity", "WARNING")
    settings, key, content = Settings.load(), sys.argv[1], Path(sys.argv[2]).read_bytes()
    status = -1
    while status:
        child = os.fork()
        if not child:
            asyncio.run(work(settings, key, content))
            os._exit(0)
        _, status = os.waitpid(child, 0)
