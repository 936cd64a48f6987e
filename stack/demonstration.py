"""The demonstration province (演示数据): seeded by the identity service, which knows the trade."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from stack import CHECKOUT
from stack.component import Component
from stack.errors import StackError, UsageError
from stack.logs import last_line

NO_SUCH_COMMAND = 2


async def seed(components: Sequence[Component], accounts: Path, logs: Path) -> None:
    """Runs `python -m services.identity seed-demo`, which writes `accounts`, mode 0600.

    UsageError when the service has no such command, StackError when the command fails.
    """
    identity = next(c for c in components if c.name == "identity")
    log = logs / "demonstration.log"
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.identity", "seed-demo"),
            *("--accounts", str(accounts)),
            env=dict(identity.env),
            cwd=CHECKOUT,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
    if code == NO_SUCH_COMMAND:
        raise UsageError(
            "The identity service cannot seed a demonstration yet. Start without --demo."
        )
    if code:
        raise StackError(f"The demonstration could not be seeded: {last_line(log)} (see {log})")
