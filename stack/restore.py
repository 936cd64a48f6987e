"""`./shuyuan restore`: a new data directory from BACKUP, up to the last commit that it holds.

PostgreSQL and the object store are started on ports that nobody knows, filled, and stopped again.
The search index and NATS are not restored: both are built anew from PostgreSQL by `up`.
"""

import asyncio
import json
import os
import re
import shlex
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stack import archive as archives
from stack import launch, ports, postgres, seaweed
from stack.archive import Archive, Whole
from stack.backup import verify
from stack.component import Component
from stack.data import DataDirectory, explained
from stack.errors import UsageError
from stack.mirror import buckets, put_back
from stack.secret_files import SecretFiles
from stack.supervisor import Supervisor

LONGEST_SECONDS = 86_400.0
"""So long PostgreSQL may take to apply what was committed since the base."""

STORE_GRACE = 30.0
"""Seconds to stop in: a store that was just filled has much to write down."""

_LAST_COMMIT = re.compile(r"last completed transaction was at log time (\S+ \S+)")


def restore(source: Path, path: Path, *, as_json: bool) -> int:
    """Returns the exit code. CannotStart when `path` is not empty; StackError when BACKUP is not
    whole. Killed half-way, it is run again, and begins anew."""
    began = time.monotonic()
    archive, data = Archive(source), DataDirectory(path)
    if not archive.path.is_dir() or (whole := archive.whole()) is None:
        raise UsageError(f"{archive.path} holds no finished backup. Take one: ./shuyuan backup.")
    with archive.locked():
        archives.begin_restore(data)
        data.prepare()
        with explained(data.path), data.locked():
            asyncio.run(verify(archive.base(whole.base)))
            _lay_out(archive, whole, data)
            objects = asyncio.run(_fill(archive, whole, data))
            archives.end_restore(data)
    facts = {
        "data": str(data.path),
        "base": whole.base,
        "last_commit": _last_commit(data) or whole.taken_at,
        "objects": objects,
        "seconds": round(time.monotonic() - began, 2),
    }
    _tell(facts, as_json=as_json)
    return 0


def _tell(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(facts))
        return
    print(
        f"恢复完成 Restored in {facts['seconds']} s, with {facts['objects']} objects, up to the "
        f"commit of {facts['last_commit']}. Start it: ./shuyuan up --data {facts['data']}"
    )


def _lay_out(archive: Archive, whole: Whole, data: DataDirectory) -> None:
    """Everything that is a file. StackError where a WAL segment is missing."""
    base = archive.base(whole.base)
    wal = (
        archives.segments(archive.wal(whole.wal), archives.first_segment(base)) if whole.wal else []
    )
    shutil.copytree(
        archive.installation, data.path, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".*")
    )
    home = data.path / "postgres"
    shutil.copytree(base, home / "data")
    (home / "data").chmod(0o700)
    if wal:
        _wal(data).mkdir(mode=0o700)
        for path in wal:
            shutil.copyfile(path, _wal(data) / path.name.removesuffix(".partial"))
        (home / "data" / "recovery.signal").touch(mode=0o600)
    if postgres.server_identity() == "nobody":
        for path in (home, *home.rglob("*")):
            os.chown(path, launch.NOBODY, launch.NOBODY)


def _wal(data: DataDirectory) -> Path:
    return data.path / "postgres" / "archived-wal"


async def _fill(archive: Archive, whole: Whole, data: DataDirectory) -> int:
    """Lets PostgreSQL apply the WAL, and puts the objects into the store; how many there are."""
    chosen = _free_ports(data)
    secrets = SecretFiles(data.secrets, in_use=True)
    servers = [
        _recovering(postgres.component(data, chosen, secrets), data, archived=bool(whole.wal)),
        # Whose pages may use it, `up` says, which knows its ports.
        replace(
            seaweed.component(data, chosen, secrets, [f"http://127.0.0.1:{chosen['gateway']}"]),
            grace=STORE_GRACE,
        ),
    ]
    supervisor = Supervisor(servers, data.logs, _say)
    try:
        await supervisor.start()
        store = buckets(f"http://127.0.0.1:{chosen['s3']}", secrets)
        return await asyncio.to_thread(put_back, archive, store)
    finally:
        await supervisor.stop()
        ports.remove_sockets(chosen)
        shutil.rmtree(_wal(data), ignore_errors=True)


def _free_ports(data: DataDirectory) -> dict[str, int]:
    """Not those of the installation, which may be running elsewhere on this machine."""
    file = data.config / "restoring.json"
    try:
        return ports.choose(file, 0)
    finally:
        file.unlink(missing_ok=True)


def _recovering(component: Component, data: DataDirectory, *, archived: bool) -> Component:
    """Answers when recovery is over, and not before."""
    options: Sequence[str] = ("-c", "hot_standby=off")
    if archived:
        # PostgreSQL replaces %f by the segment it asks for, %p by where it wants it, %% by %.
        folder = shlex.quote(str(_wal(data)).replace("%", "%%"))
        options = (*options, "-c", f'restore_command=cp {folder}/%f "%p"')
    return replace(
        component,
        argv=(*component.argv, *options),
        start_timeout=LONGEST_SECONDS,
        start_attempts=1,
    )


def _last_commit(data: DataDirectory) -> str | None:
    """As PostgreSQL told it in its log, ISO 8601; None where it had nothing to apply."""
    found = _LAST_COMMIT.findall((data.logs / "postgres.log").read_text(errors="replace"))
    if not found:
        return None
    at = datetime.fromisoformat(found[-1].split("+")[0].removesuffix(" UTC"))
    return at.replace(tzinfo=UTC).isoformat(timespec="milliseconds")


def _say(line: str) -> None:
    print(f"  {line}", file=sys.stderr)
