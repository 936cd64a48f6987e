"""The data directory: where everything lies, who may use it, and what runs on it now.

DIR/secrets/OWNER/NAME   one secret a file, 0600
DIR/config/              configuration written for the servers, 0600
DIR/postgres/ object-store/ nats/   the servers' own data
DIR/logs/                a log a component, and supervisor.log
DIR/ports.json           chosen ports, kept so that addresses stay
DIR/demo-accounts.json   whom `up --demo` made, with their passwords, 0600
DIR/run/lock             held (flock) by the living supervisor
DIR/run/state.json       its pid, and each component's
"""

import contextlib
import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stack.errors import CannotStart, UsageError

MINIMUM_FREE = 512 * 2**20

_NUMBER_OR_NONE = (int, type(None))
_ADDRESSES = ("gateway", "issuer", "object_store", "postgres", "nats")
_STATE = {
    **dict.fromkeys(("boot", "data", *_ADDRESSES), str),
    "pid": int,
    "started": int,
    "components": list,
}
_COMPONENT = {
    **dict.fromkeys(("name", "state", "address", "health"), str),
    "pid": _NUMBER_OR_NONE,
    "started": _NUMBER_OR_NONE,
    "restarts": int,
    "stop_signal": int,
    "grace": (int, float),
}
"""What must stand in state.json, by type: people may have edited it."""


class DataDirectory:
    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.config = self.path / "config"
        self.logs = self.path / "logs"
        self.secrets = self.path / "secrets"
        self.ports_file = self.path / "ports.json"
        self.accounts_file = self.path / "demo-accounts.json"
        self.state_file = self.path / "run" / "state.json"
        self.lock_file = self.path / "run" / "lock"

    def prepare(self) -> None:
        """Makes the directories. CannotStart when the disk is nearly full or we may not write.

        UsageError for a path that SeaweedFS would take for several. A new directory may be
        crossed, not listed, by others: PostgreSQL may have to run as `nobody`.
        """
        if "," in str(self.path):
            raise UsageError(
                f"{self.path} has a comma, at which SeaweedFS would divide it. "
                "Choose a directory without one with --data."
            )
        with explained(self.path):
            if not self.path.exists():
                self.path.mkdir(parents=True)
                self.path.chmod(0o711)
            for inner in (self.config, self.logs, self.secrets, self.state_file.parent):
                inner.mkdir(mode=0o700, exist_ok=True)
            if not os.access(self.path, os.W_OK):
                raise PermissionError
        free = shutil.disk_usage(self.path).free
        if free < MINIMUM_FREE:
            raise CannotStart(
                f"Only {free // 2**20} MB are free on the disk of {self.path}; "
                f"at least {MINIMUM_FREE // 2**20} MB are needed. "
                "Free some space, or choose another directory with --data."
            )

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the directory for this process; CannotStart when another has it.

        The kernel drops the lock with the process, however that ends.
        """
        with self.lock_file.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                gateway = read_json(self.state_file).get("gateway")
                raise CannotStart(
                    f"Shuyuan is already running on {self.path}: {gateway}. "
                    "Stop it with ./shuyuan down, or choose another directory with --data."
                    if gateway
                    else f"Another ./shuyuan is starting or stopping on {self.path}; try again."
                ) from None
            yield

    def is_locked(self) -> bool:
        """True while a supervisor holds the directory."""
        try:
            with self.lock_file.open("a") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def state(self) -> dict[str, Any]:
        """What the last supervisor wrote, true only while it lives; {} when that is not there, or
        not whole."""
        state = read_json(self.state_file)
        whole = _fits(state, _STATE) and all(_fits(c, _COMPONENT) for c in state["components"])
        return state if whole else {}

    def write_state(self, state: dict[str, Any]) -> None:
        write_file(self.state_file, json.dumps(state, indent=1), durable=False)


def _fits(found: object, types: Mapping[str, Any]) -> bool:
    return isinstance(found, dict) and all(
        name in found and isinstance(found[name], kind) for name, kind in types.items()
    )


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file written with `write_file`; {} when it is missing or broken."""
    try:
        content = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_file(path: Path, content: str, *, durable: bool = True) -> None:
    """Replaces a file, mode 0600, as a whole or not at all, whenever we are killed.

    Durable content also outlives a loss of power.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content.encode())
        if durable:
            file.flush()
            os.fsync(file.fileno())
    draft.replace(path)


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns the operating system's refusals about `path` into sentences (CannotStart)."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            message = f"The disk of {path} is full. Free some space, then start again."
        elif isinstance(error, PermissionError) or error.errno == errno.EROFS:
            message = (
                f"{path} is not writable for this user. "
                "Be its owner, or choose another directory with --data."
            )
        elif isinstance(error, (FileExistsError, NotADirectoryError)):
            message = f"{path} is not a directory. Choose another with --data."
        else:
            reason = error.strerror or error
            message = f"{path} cannot be used ({reason}). Choose another directory with --data."
        raise CannotStart(message) from error
