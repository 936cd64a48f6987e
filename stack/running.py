"""`./shuyuan down` and `./shuyuan status`: talking to a stack that runs already."""

import asyncio
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

from stack.data import DataDirectory
from stack.errors import CannotStart, NotRunning
from stack.health import healthy
from stack.leftovers import end_leftovers
from stack.processes import Process, boot_id

PATIENCE = 60.0
"""Seconds `down` waits for the supervisor, which itself kills what does not stop."""


def supervisor_of(data: DataDirectory) -> Process | None:
    """The living supervisor of a data directory."""
    state = data.state()
    if state.get("boot") != boot_id() or not data.is_locked():
        return None
    process = Process(state["pid"], state["started"])
    return process if process.is_alive() else None


def down(path: Path, *, as_json: bool) -> int:
    began = time.monotonic()
    data = DataDirectory(path)
    supervisor = supervisor_of(data)
    if supervisor is None:
        if not data.lock_file.exists():
            print(f"Shuyuan is not running on {data.path}.", file=sys.stderr)
            return 0
        with data.locked():
            left = end_leftovers(data, lambda line: print(f"  {line}", file=sys.stderr))
            data.write_state({})
        print(f"Shuyuan is not running on {data.path}.", file=sys.stderr)
        return 0
    supervisor.signal_group(signal.SIGTERM)
    if not supervisor.wait(PATIENCE):
        raise CannotStart("x")
    print(f"stopped in {time.monotonic() - began:.1f} s", file=sys.stderr)
    return 0


def status(path: Path, *, as_json: bool) -> int:
    data = DataDirectory(path)
    if supervisor_of(data) is None:
        raise NotRunning(f"Shuyuan is not running on {data.path}. Start it with ./shuyuan up.")
    state = data.state()
    print(json.dumps(state, indent=1))
    return 0
