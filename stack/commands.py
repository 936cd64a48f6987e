"""Commands of other packages, run against a stack that is up: `migrate`, `token`."""

import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from stack import CHECKOUT, plan, ports
from stack.data import DataDirectory, read_json
from stack.errors import NotRunning
from stack.running import state_of_running
from stack.settings import StackSettings


def migrations(path: Path, command: str) -> int:
    """Runs `python -m migrations COMMAND`; returns its exit code. NotRunning without a stack."""
    data = DataDirectory(path)
    state_of_running(data)
    return _python(_environment(data, "migrations"), "migrations", command)


def token(path: Path, account: str) -> int:
    """Prints an access token of a demonstration account, which signs in as anyone does.

    NotRunning when there is no stack, no such account, or nothing to sign in to.
    """
    data = DataDirectory(path)
    state = state_of_running(data)
    told = read_json(data.accounts_file).get("accounts", [])
    if not told:
        raise NotRunning(
            f"There is no demonstration account yet: {data.accounts_file} is missing. "
            "Stop the stack with ./shuyuan down, then start it with ./shuyuan up --demo."
        )
    if account not in [each["username"] for each in told]:
        raise NotRunning(
            f"{data.accounts_file} names no account {account}. Choose one that it names."
        )
    discovery = f"{state['issuer']}/.well-known/openid-configuration"
    try:
        urllib.request.urlopen(discovery, timeout=5).close()  # noqa: S310  (our own gateway)
    except urllib.error.HTTPError as answer:
        raise NotRunning(f"Nobody can sign in yet: {discovery} answers {answer.code}.") from None
    arguments = ("token", account, "--accounts", str(data.accounts_file))
    return _python(_environment(data, "identity"), "services.identity", *arguments)


def _environment(data: DataDirectory, component: str) -> Mapping[str, str]:
    """The environment that the supervisor gave a component of the running stack."""
    components = plan.components(data, ports.kept(data.ports_file), StackSettings.load())
    return next(each.env for each in components if each.name == component)


def _python(env: Mapping[str, str], module: str, *arguments: str) -> int:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, env=dict(env), cwd=CHECKOUT, check=False).returncode
