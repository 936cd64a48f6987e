"""`./shuyuan down` and `./shuyuan status`: about a stack that another process supervises."""

import asyncio
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

from stack.data import DataDirectory, explained
from stack.errors import NotRunning, StackError
from stack.health import healthy
from stack.leftovers import end_leftovers
from stack.processes import Process, boot_id, memory_of_trees

PATIENCE = 60.0
"""Seconds `down` waits for the supervisor, which itself kills what does not stop."""


def state_of_running(data: DataDirectory) -> dict[str, Any]:
    """What the living supervisor last wrote; NotRunning when there is none, CannotStart when the
    directory is not ours to read."""
    with explained(data.path):
        state = data.state()
        runs = (
            state.get("boot") == boot_id()
            and Process(state["pid"], state["started"]).is_alive()
            and data.is_locked()
        )
    if not runs:
        raise NotRunning(f"Shuyuan is not running on {data.path}. Start it with ./shuyuan up.")
    return state


def down(path: Path) -> int:
    """Stops the stack; already stopped is well, too."""
    began = time.monotonic()
    data = DataDirectory(path)
    try:
        state = state_of_running(data)
    except NotRunning:
        with explained(data.path):
            if data.lock_file.exists():
                with data.locked():
                    end_leftovers(data, _say)
                    data.write_state({})
        _say(f"Shuyuan is not running on {data.path}.")
        return 0
    supervisor = Process(state["pid"], state["started"])
    supervisor.send(signal.SIGTERM)
    if not supervisor.wait(PATIENCE):
        raise StackError(
            f"The supervisor (pid {supervisor.pid}) did not stop within {PATIENCE:g} s. "
            f"Kill it with kill -9 {supervisor.pid}, then run ./shuyuan down again."
        )
    _say(f"Shuyuan has stopped, in {time.monotonic() - began:.1f} s.")
    return 0


def status(path: Path, *, as_json: bool) -> int:
    """Prints every component; exit code 1 when one is not healthy. NotRunning (4) without any."""
    state = state_of_running(DataDirectory(path))
    components = asyncio.run(_look(state["components"]))
    well = all(component["healthy"] for component in components)
    if as_json:
        facts = {key: value for key, value in state.items() if key not in ("boot", "started")}
        print(json.dumps({**facts, "components": components}))
    else:
        _print_table(state, components)
    return 0 if well else 1


async def _look(recorded: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Adds to each component what only a look now can tell: `healthy` and `rss` in bytes.

    A finished one-shot is healthy; `rss` counts pages shared between processes once.
    """
    answers = await asyncio.gather(*(healthy(component["health"]) for component in recorded))
    memory = memory_of_trees([component["pid"] for component in recorded if component["pid"]])
    shown = ("name", "state", "pid", "restarts", "address")
    return [
        {
            **{key: component[key] for key in shown},
            "healthy": answer or component["state"] == "done",
            "rss": memory.get(component["pid"], 0),
        }
        for component, answer in zip(recorded, answers, strict=True)
    ]


def _print_table(state: dict[str, Any], components: list[dict[str, Any]]) -> None:
    print(f"书院 Shuyuan on {state['data']}: {state['gateway']}\n")
    width = 2 + max(len(c["name"]) for c in components)
    heading = f"{'STATE':<13}{'HEALTH':<8}{'PID':>8}{'RESTARTS':>10}{'MB':>6}  ADDRESS"
    print(f"{'COMPONENT':<{width}}{heading}")
    for c in components:
        health = "well" if c["healthy"] else "ill"
        print(
            f"{c['name']:<{width}}{c['state']:<13}{health:<8}{c['pid'] or '-':>8}"
            f"{c['restarts']:>10}{c['rss'] >> 20:>6}  {c['address']}".rstrip()
        )
    total = sum(c["rss"] for c in components) >> 20
    print(f"\n{total} MB resident in all, pages shared between processes counted once.")


def _say(line: str) -> None:
    print(line, file=sys.stderr)
