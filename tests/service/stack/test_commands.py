"""Services' own commands, as an operator of the running stack calls them."""

import subprocess
import sys

import pytest

from shared.services import SERVICES
from tests.conftest import CHECKOUT, Stack


def run(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stack", "run", "--data", str(stack.data), *arguments],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("service", SERVICES)
def test_the_audit_trail_of_every_service_is_verified(stack: Stack, service: str) -> None:
    told = run(stack, service, "verify-audit")
    assert told.returncode == 0, told.stderr
    assert "the chain holds" in told.stdout


def test_what_a_service_can_do_is_listed(stack: Stack) -> None:
    told = run(stack, "catalog", "-h")
    assert told.returncode == 0
    assert {"scrub", "reindex", "replay"} <= set(told.stdout.replace(",", " ").split())
