"""The demonstration province (演示数据): seeded by the services, which know the trade."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from shared.services import PACKAGES
from stack import CHECKOUT
from stack.component import Component
from stack.errors import StackError
from stack.logs import last_line

SEEDING = ("identity", "learning")
"""In this order: each adds to the accounts file that the first writes."""


async def seed(components: Sequence[Component], accounts: Path, logs: Path) -> None:
    """Runs `python -m services.NAME seed-demo --accounts FILE`; the file has mode 0600.

    StackError when a command fails.
    """
    found = {component.name: component for component in components}
    for name in SEEDING:
        await _seed(found[name], accounts, logs / "demonstration.log")


async def _seed(service: Component, accounts: Path, log: Path) -> None:
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", PACKAGES[service.name], "seed-demo"),
            *("--accounts", str(accounts)),
            env=dict(service.env),
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
    if code:
        raise StackError(f"The demonstration could not be seeded: {last_line(log)} (see {log})")
