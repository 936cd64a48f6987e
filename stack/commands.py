"""Commands of other packages, run against a stack that is up: `migrate`, `token`, `run`."""

import http.client
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shared.services import PACKAGES
from stack import CHECKOUT, plan, ports, services
from stack.component import Component
from stack.data import DataDirectory, read_json
from stack.errors import NotRunning, StackError, UsageError
from stack.running import state_of_running
from stack.secret_files import SecretFiles
from stack.services import Addresses


def migrations(path: Path, command: str) -> int:
    """Runs `python -m migrations COMMAND`; returns its exit code. NotRunning without a stack."""
    data = DataDirectory(path)
    migration = services.migration(_addresses(state_of_running(data)), SecretFiles(data.secrets))
    return _python(migration.env, "migrations", command)


def token(path: Path, account: str | None) -> int:
    """Prints an access token of a demonstration account, which signs in as anyone does; without an
    account, of whoever signs in with a browser.

    NotRunning when there is no stack, no such account, or nothing to sign in to.
    """
    data = DataDirectory(path)
    state = state_of_running(data)
    if account is None:
        service = _service("identity", data, state)
        return _python(service.env, PACKAGES["identity"], "sign-in")
    told = read_json(data.accounts_file).get("accounts", [])
    if not told:
        raise NotRunning(
            f"There is no demonstration account yet: {data.accounts_file} is missing. "
            "Leave the account out to sign in with a browser, or start anew with "
            "./shuyuan up --demo."
        )
    if account not in [each["username"] for each in told]:
        raise NotRunning(
            f"{data.accounts_file} names no account {account}. Choose one that it names."
        )
    discovery = f"{state['issuer']}/.well-known/openid-configuration"
    ours = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # through no proxy
    try:
        ours.open(discovery, timeout=5).close()
    except urllib.error.HTTPError as answer:
        raise NotRunning(f"Nobody can sign in yet: {discovery} answers {answer.code}.") from None
    except (OSError, http.client.HTTPException) as error:
        raise NotRunning(
            f"Nobody can sign in: {discovery} does not answer ({error}). Ask ./shuyuan status."
        ) from None
    arguments = ("token", account, "--accounts", str(data.accounts_file))
    return _python(_service("identity", data, state).env, PACKAGES["identity"], *arguments)


def run(path: Path, name: str, arguments: Sequence[str]) -> int:
    """Runs `python -m SERVICE ARGUMENTS` with the environment of the service; returns its exit
    code. UsageError where it would serve, which it does already; NotRunning without a stack."""
    if not arguments or arguments[0] == "serve":
        raise UsageError(f"Name a command: ./shuyuan run {name} -h lists them.")
    data = DataDirectory(path)
    service = _service(name, data, state_of_running(data))
    return _python(service.env, PACKAGES[name], *arguments)


def _service(name: str, data: DataDirectory, state: dict[str, Any]) -> Component:
    chosen = ports.kept(data.ports_file)
    if not chosen:
        raise StackError(
            f"{data.ports_file} is damaged. Delete it, then run ./shuyuan down and ./shuyuan up."
        )
    secrets = SecretFiles(data.secrets)
    more = plan.told_besides(data, chosen, secrets).get(name)
    return services.service(name, services.behind(chosen), _addresses(state), secrets, more)


def _addresses(state: dict[str, Any]) -> Addresses:
    """Where the running stack finds its servers, whatever the variables say here."""
    endpoints = {each["name"]: each["address"] for each in state["components"]}
    return Addresses(
        postgres=state["postgres"],
        nats=state["nats"],
        object_store=endpoints["object-store"],
        object_store_origin=state["object_store"],
        gateway=state["gateway"],
    )


def _python(env: Mapping[str, str], module: str, *arguments: str) -> int:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, env=dict(env), cwd=CHECKOUT, check=False).returncode
