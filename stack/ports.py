"""Which ports the stack listens on.

The gateway's port is the caller's choice; the others prefer fixed distances from it, move when
taken, and are written down, so that addresses stay the same from one start to the next.
"""

import contextlib
import errno
import json
import os
import random
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

from stack.data import read_json, write_file
from stack.errors import CannotStart, UsageError

DEFAULT_GATEWAY = 8080
TWIN = 10_000
"""SeaweedFS opens a gRPC port this far above each of its HTTP ports."""

SOCKETS = Path("/tmp")  # noqa: S108  SeaweedFS has this directory built in
"""Where it puts a socket file for each of its ports."""

WITH_TWIN = {"s3": 20, "filer": 21, "volume": 22, "master": 23, "weed_admin": 24}
OFFSETS = {
    "identity": 1,
    "catalog": 2,
    "learning": 3,
    "copyright": 4,
    "control": 5,
    "envoy_admin": 6,
    "inspector": 7,
    "signer": 8,
    "witness": 9,
    "postgres": 10,
    "nats": 11,
    "nats_monitor": 12,
    "archiver": 13,
    **WITH_TWIN,
}

# The whole block with its twins stays under 32768, from where Linux hands out ports itself.
FREE_CHOICE = range(10_240, 32_700 - TWIN)


def loopbacks() -> tuple[str, ...]:
    """The loopback addresses that exist here, IPv4 first."""
    return ("127.0.0.1", "::1") if _can_bind("::1", 0) else ("127.0.0.1",)


def choose(path: Path, gateway: int | None) -> dict[str, int]:
    """Ports by name, read from and written to `path`.

    `gateway` None means the port used before, at first 8080; 0 means the one used before if it
    is free, else any free one. Raises UsageError for a number that is no port and CannotStart
    for one that is taken or needs privileges.
    """
    before = kept(path)
    chosen = {"gateway": _gateway(gateway, before.get("gateway"))}
    for name, offset in OFFSETS.items():
        twin = name in WITH_TWIN
        candidates = _candidates(before.get(name), chosen["gateway"] + offset)
        chosen[name] = next(
            port
            for port in candidates
            if port not in chosen.values() and _is_free(port) and (not twin or _twin_is_free(port))
        )
    if chosen != before:
        write_file(path, json.dumps(chosen, indent=1))
    return chosen


def kept(path: Path) -> dict[str, int]:
    """The ports chosen last, by name; {} before the first start, or when the file is damaged."""
    found = read_json(path)
    whole = all(type(port) is int and 0 < port < 65_536 for port in found.values())
    return found if whole else {}


def remove_sockets(chosen: Mapping[str, int]) -> None:
    """Removes the socket files that SeaweedFS leaves behind, after it has stopped."""
    for name in WITH_TWIN:
        for path in _sockets(chosen[name]):
            with contextlib.suppress(OSError):
                path.unlink()


def _gateway(wanted: int | None, before: int | None) -> int:
    if wanted is not None and not 0 <= wanted < 65_536 - TWIN:
        raise UsageError(f"--port takes 0 to {65_535 - TWIN}, not {wanted}.")
    if wanted == 0:
        return next(port for port in _candidates(before, None) if _is_free(port))
    port = wanted or before or DEFAULT_GATEWAY
    try:
        for address in loopbacks():
            _bind(address, port)
    except OSError as error:
        if error.errno == errno.EACCES:
            raise CannotStart(
                f"Port {port} is reserved for the administrator. Choose one above 1023 with --port."
            ) from None
        raise CannotStart(
            f"Port {port} is taken by another program. Stop it, or choose another port with "
            "--port (0 takes any free one)."
        ) from None
    return port


def _candidates(before: int | None, preferred: int | None) -> Iterator[int]:
    yield from (port for port in (before, preferred) if port and port < 65_536 - TWIN)
    yield from random.SystemRandom().sample(FREE_CHOICE, len(FREE_CHOICE))


def _is_free(port: int) -> bool:
    return all(_can_bind(address, port) for address in loopbacks())


def _twin_is_free(port: int) -> bool:
    """The twin, and the socket files: one left by another user's killed run hangs SeaweedFS."""
    return _is_free(port + TWIN) and all(
        path.stat().st_uid == os.geteuid() for path in _sockets(port)
    )


def _sockets(port: int) -> list[Path]:
    return [
        path
        for number in (port, port + TWIN)
        for path in SOCKETS.glob(f"seaweedfs-*-{number}.sock")
    ]


def _can_bind(address: str, port: int) -> bool:
    try:
        _bind(address, port)
    except OSError:
        return False
    return True


def _bind(address: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((address, port))
