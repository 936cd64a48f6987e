"""How signer and witness show that their work goes on."""

from pathlib import Path

import pytest

from services.copyright.standalone import http
from services.copyright.standalone.http import Respond
from services.copyright.standalone.memory import Memory
from services.copyright.standalone.signing import SigningProgram
from services.copyright.standalone.witnessing import WitnessProgram
from tests.unit.copyright.samples import ORIGIN


def signer(directory: Path) -> tuple[Respond, Memory]:
    program = SigningProgram.opened(directory, ORIGIN, "token")
    return program.respond, program.memory


def witness(directory: Path) -> tuple[Respond, Memory]:
    program = WitnessProgram.opened(directory, "witness.example", directory / "vkeys")
    return program.respond, program.memory


@pytest.mark.parametrize("opened", [signer, witness])
def test_healthz_needs_no_token_and_is_503_while_signing_hangs(
    opened: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(opened)
    respond, memory = opened(tmp_path)
    monkeypatch.setattr(http, "PAUSE", 0.01)
    assert respond("GET", "/healthz", b"", {}).status == 200
    with memory.lock:
        assert respond("GET", "/healthz", b"", {}).status == 503
    assert respond("GET", "/healthz", b"", {}).status == 200
