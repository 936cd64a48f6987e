"""What the signer signs, and what it remembers."""

import stat
from pathlib import Path

import pytest

from services.copyright.domain.signer import SignRequest, decide
from services.copyright.domain.witness import Refused, Seen
from services.copyright.standalone.keys import KeyExposed, ed25519_key
from services.copyright.standalone.memory import Memory, MemoryDamaged
from services.copyright.standalone.signing import SigningProgram
from services.copyright.standalone.witnessing import WitnessProgram
from services.copyright.verify.merkle import SHA256
from services.copyright.verify.notes import Checkpoint, NoteMalformed
from tests.unit.copyright.samples import ORIGIN, Log

TREES = {ORIGIN: SHA256}


def request(log: Log, old_size: int = 0) -> SignRequest:
    checkpoint = Checkpoint(log.origin, log.edge.size, log.edge.root(SHA256))
    proof = log.consistency(old_size) if old_size else []
    return SignRequest(checkpoint, old_size, tuple(proof))


def grown(*entries: bytes) -> Log:
    log = Log()
    log.append(*entries)
    return log


def test_a_continuation_is_signed() -> None:
    log = grown(b"one", b"two")
    first = decide(request(log), TREES, {})
    assert isinstance(first, Seen)
    log.append(b"three")
    assert decide(request(log, 2), TREES, {ORIGIN: first}) == Seen(3, log.edge.root(SHA256))


def test_another_tree_of_any_size_is_refused() -> None:
    last = {ORIGIN: Seen(2, grown(b"one", b"two").edge.root(SHA256))}
    for other in (grown(b"one", b"TWO"), grown(b"one", b"TWO", b"three")):
        refused = decide(request(other, 2), TREES, last)
        assert isinstance(refused, Refused)
        assert refused.status == 422


def test_a_size_behind_the_last_is_refused() -> None:
    last = {ORIGIN: Seen(5, bytes(32))}
    refused = decide(request(grown(b"one"), 0), TREES, last)
    assert isinstance(refused, Refused)
    assert (refused.status, refused.body) == (409, "5\n")


def test_a_log_without_a_key_is_refused() -> None:
    refused = decide(request(grown(b"one")), {}, {})
    assert isinstance(refused, Refused)
    assert refused.status == 404


@pytest.mark.parametrize("body", [b"", b"[]", b'{"old_size":0}', b'{"old_size":"x"}'])
def test_what_is_no_request_is_malformed(body: bytes) -> None:
    with pytest.raises(NoteMalformed):
        SignRequest.parse(body)


def test_a_request_reads_back_as_it_was_written() -> None:
    log = grown(b"one", b"two", b"three")
    asked = request(log, 2)
    assert SignRequest.parse(bytes(asked)) == asked


def test_a_signer_started_anew_still_refuses_a_fork(tmp_path: Path) -> None:
    headers = {"authorization": "Bearer token"}
    first = SigningProgram.opened(tmp_path, ORIGIN, "token")
    assert first.respond("POST", "/sign", bytes(request(grown(b"one"))), headers).status == 200
    again = SigningProgram.opened(tmp_path, ORIGIN, "token")
    assert again.vkeys == first.vkeys
    assert again.respond("POST", "/sign", bytes(request(grown(b"ONE"))), headers).status == 409
    assert again.respond("POST", "/sign", bytes(request(grown(b"ONE"), 1)), headers).status == 422


def test_nothing_is_signed_without_the_token(tmp_path: Path) -> None:
    program = SigningProgram.opened(tmp_path, ORIGIN, "token")
    for headers in ({}, {"authorization": "Bearer other"}):
        assert program.respond("GET", "/keys", b"", headers).status == 401


def test_a_damaged_memory_stops_the_signer(tmp_path: Path) -> None:
    (tmp_path / "signed.json").write_text('{"a": {"size": 3}}')
    with pytest.raises(MemoryDamaged):
        Memory(tmp_path / "signed.json")


def test_old_keys_without_what_they_signed_sign_nothing(tmp_path: Path) -> None:
    SigningProgram.opened(tmp_path, ORIGIN, "token")
    SigningProgram.opened(tmp_path, ORIGIN, "token")  # started anew before it signed anything
    (tmp_path / "signed.json").unlink()
    with pytest.raises(MemoryDamaged, match="may have signed"):
        SigningProgram.opened(tmp_path, ORIGIN, "token")


def test_a_witness_that_forgot_what_it_cosigned_cosigns_nothing(tmp_path: Path) -> None:
    WitnessProgram.opened(tmp_path, "witness.example", tmp_path / "vkeys")
    (tmp_path / "cosigned.json").unlink()
    with pytest.raises(MemoryDamaged, match="may have signed"):
        WitnessProgram.opened(tmp_path, "witness.example", tmp_path / "vkeys")


def test_a_key_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "log.key"
    ed25519_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    with pytest.raises(KeyExposed):
        ed25519_key(path)
