"""`./shuyuan backup`: of a running stack, without a pause.

Objects are copied, then PostgreSQL, then the objects that came meanwhile: whatever a row of the
base names stood in the store before that row was committed, and was copied by the first look or by
the second. Nothing is forgotten between the two, so an object that a sweeper takes away stays.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from stack import postgres
from stack.archive import Archive, Whole
from stack.component import SERVER_ENVIRONMENT
from stack.data import DataDirectory, explained, write_file
from stack.errors import StackError, UsageError
from stack.mirror import Mirror, buckets
from stack.running import state_of_running
from stack.secret_files import SecretFiles

if TYPE_CHECKING:
    from asyncpg import Connection

SLOT = f"{postgres.ARCHIVER}_"
"""Beginning of the replication slot's name; the ID of the WAL follows."""


@dataclass(frozen=True)
class Server:
    """The stack's own PostgreSQL, as its superuser."""

    url: str
    data: DataDirectory

    @property
    def password(self) -> str:
        return SecretFiles(self.data.secrets).get("postgres", "superuser_password")

    async def connect(self) -> "Connection":
        import asyncpg

        return await asyncpg.connect(
            f"{self.url}/postgres", user="postgres", password=self.password, timeout=5
        )

    def told(self, application: str) -> str:
        """What libpq is told; the password stands in a file, not on the command line."""
        file = self.data.config / "pgpass"
        password = self.password.replace("\\", "\\\\").replace(":", "\\:")
        write_file(file, f"*:*:*:postgres:{password}\n")
        where = urlsplit(self.url)
        path = str(file).replace("\\", "\\\\").replace("'", "\\'")
        return (
            f"host={where.hostname} port={where.port} user=postgres passfile='{path}' "
            f"application_name={application}"
        )


def identifier() -> str:
    """Names a base, or a WAL: rising with time, and fit for a slot's name."""
    return f"{datetime.now(UTC):%Y%m%dt%H%M%S%f}"


def backup(path: Path, to: Path, *, as_json: bool) -> int:
    """Brings BACKUP up to the running stack; returns the exit code, 1 where an object could not be
    read. NotRunning without a stack."""
    began = time.monotonic()
    data, archive = DataDirectory(path), Archive(to)
    state = state_of_running(data)
    found = {each["name"]: each for each in state["components"]}
    if found["postgres"]["pid"] is None and found["postgres"]["state"] == "external":
        raise UsageError(
            f"PostgreSQL at {state['postgres']} is run by somebody else: have it backed up there."
        )
    archive.prepare(data)
    with archive.locked(), explained(archive.path):
        archive.keep_installation(data)
        secrets = SecretFiles(data.secrets)
        mirror = Mirror(archive, buckets(found["object-store"]["address"], secrets), "backup")
        first = mirror.look(forget=True)
        whole = asyncio.run(_base(archive, Server(state["postgres"], data)))
        second = mirror.look(forget=False)
        archive.publish(whole)
    unread = {*first.unread, *second.unread}
    facts = {
        "base": str(archive.base(whole.base)),
        "wal": str(archive.wal(whole.wal)) if whole.wal else None,
        "objects": second.objects,
        "copied": first.copied + second.copied,
        "gone": first.gone,
        "unread": sorted(unread),
        "seconds": round(time.monotonic() - began, 2),
    }
    _tell(archive, facts, as_json=as_json)
    return 1 if unread else 0


def _tell(archive: Archive, facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(facts))
        return
    print(f"备份完成 Backed up in {facts['seconds']} s: {facts['base']}, verified; "
          f"{facts['copied']} of {facts['objects']} objects were new.")  # fmt: skip
    for each in facts["unread"]:
        print(f"not read 未能读取: {each}", file=sys.stderr)
    if facts["wal"]:
        print(f"Every commit since is in {facts['wal']}.")
    else:
        print("What is committed from now on is not in it: up --archive keeps that, too.")
    print(f"{archive.installation}/secrets holds the keys. Guard the whole directory like them.")


async def _base(archive: Archive, server: Server) -> Whole:
    archive.discard_unfinished()
    try:
        database = await server.connect()
    except OSError as error:  # a timeout is one
        raise StackError(f"PostgreSQL does not answer ({error!r}). Try again.") from error
    try:
        slots = await database.fetch("SELECT slot_name FROM pg_replication_slots")
        system = await system_identifier(database)
    finally:
        await database.close()
    names = [row["slot_name"].removeprefix(SLOT) for row in slots]
    wal = next((name for name in names if archive.wal(name).is_dir()), "")
    return await take_base(archive, server, system, wal)


async def system_identifier(database: "Connection") -> str:
    return str(await database.fetchval("SELECT system_identifier FROM pg_control_system()"))


async def take_base(archive: Archive, server: Server, system: str, wal: str) -> Whole:
    """A new base, verified against its manifest, and not published yet.

    StackError when BACKUP holds another installation, or PostgreSQL's programs fail.
    """
    before = archive.whole()
    if before and before.system != system:
        raise StackError(
            f"{archive.path} is the backup of another installation. Choose another directory."
        )
    taken_at = datetime.now(UTC).isoformat(timespec="seconds")
    whole = Whole(identifier(), system, wal, taken_at)
    target = str(archive.base(whole.base))
    await _run(
        *("pg_basebackup", "--dbname", server.told("shuyuan_backup"), "--no-password"),
        *("--pgdata", target, "--wal-method=stream", "--checkpoint=fast"),
        "--manifest-checksums=SHA256",
    )
    await verify(Path(target))
    return whole


async def verify(base: Path) -> None:
    """Every file against the manifest, and the WAL that the base needs. StackError."""
    await _run("pg_verifybackup", "--quiet", str(base))


async def _run(program: str, *arguments: str) -> None:
    # It ends with us: a second attempt must not meet it.
    process = await asyncio.create_subprocess_exec(
        *postgres.launched("same", str(postgres.binaries() / program), *arguments),
        env=SERVER_ENVIRONMENT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    if process.returncode:
        words: Sequence[str] = output.decode(errors="replace").strip().splitlines()
        raise StackError(f"{program} failed: {' '.join(words[-2:]) or process.returncode}")
