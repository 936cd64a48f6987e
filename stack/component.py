"""What the supervisor must know of a component, and nothing else."""

import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stack import CHECKOUT
from stack.errors import CannotStart

Hook = Callable[[], Awaitable[None]]

SERVER_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC"}
"""Enough for a server that is not ours; it must not read the operator's own variables."""


@dataclass(frozen=True, kw_only=True)
class Component:
    """One process under supervision; without `argv`, one that somebody else runs.

    `address` is what people and other processes use; `health` is what `stack.health.healthy`
    asks (empty for a one-shot, which is ready when it exits with 0). `before` runs ahead of the
    first start, `after` once the component is healthy for the first time; whoever depends on it
    waits for both. `identity` is an identity of `stack.launch`.
    """

    name: str
    argv: tuple[str, ...] = ()
    address: str = ""
    health: str = ""
    env: Mapping[str, str] = field(default_factory=lambda: SERVER_ENVIRONMENT)
    cwd: Path = CHECKOUT
    depends_on: frozenset[str] = frozenset()
    before: Hook | None = None
    after: Hook | None = None
    oneshot: bool = False
    early: bool = False
    """Launched ahead of its dependencies; it waits for a line on standard input (`stack.early`,
    which `stack.nursery` forks)."""
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 3.0
    """Seconds between the stop signal and SIGKILL."""
    start_attempts: int = 3
    start_timeout: float = 120.0
    """Seconds one attempt may take to become healthy."""
    patience: float | None = None
    """Seconds it may be ill, once it has been ready, before it is killed and started again."""
    alive: str = ""
    """Asked instead of `health` to tell that, where `health` also tells of what it depends on."""
    identity: str = "same"


def program(name: str) -> Path:
    """A server's program in .venv. CannotStart when it is not there."""
    path = Path(sys.prefix) / "bin" / name
    if not path.exists():
        raise CannotStart(f"{path} is missing. Delete .venv, then start again.")
    return path
