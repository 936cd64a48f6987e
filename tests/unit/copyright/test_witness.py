import pytest

from services.copyright.domain.witness import (
    SIZE_CONTENT_TYPE,
    Accepted,
    AddCheckpoint,
    Refused,
    Seen,
    WatchedLog,
    decide,
)
from services.copyright.verify.merkle import SHA256, SM3
from services.copyright.verify.notes import Checkpoint, Note, NoteMalformed
from services.copyright.verify.proof import LogProof
from tests.unit.copyright.samples import LOG_KEY, NOW, ORIGIN, SIBLING_KEY, Log

WATCHED = {
    ORIGIN: WatchedLog((LOG_KEY.key,), SHA256),
    f"{ORIGIN}/sm3": WatchedLog((SIBLING_KEY.key,), SM3),
}


@pytest.fixture
def log() -> Log:
    made = Log(signers=(LOG_KEY,))
    made.append(*(str(n).encode() for n in range(5)))
    return made


NOTE = bytes(Log(signers=(LOG_KEY,)).checkpoint())


def seen(log: Log) -> dict[str, Seen]:
    return {log.origin: Seen(log.edge.size, log.edge.root(log.tree_hash))}


def asked(log: Log, old_size: int, proof: list[bytes] | None = None) -> bytes:
    hashes = proof if proof is not None else log.consistency(old_size) if old_size else []
    return bytes(AddCheckpoint(old_size, tuple(hashes), log.checkpoint()))


def status(answer: Accepted | Refused) -> int:
    return answer.status if isinstance(answer, Refused) else 200


def test_a_first_checkpoint_and_one_that_continues_it_are_accepted(log: Log) -> None:
    first = decide(asked(log, 0), WATCHED, {})
    assert isinstance(first, Accepted)
    before = seen(log)
    assert {first.origin: first.seen} == before
    log.append(b"more")
    then = decide(asked(log, 5), WATCHED, before)
    assert isinstance(then, Accepted)
    assert {then.origin: then.seen} == seen(log)
    assert then.note.text == log.checkpoint().text


def test_the_sibling_is_checked_with_its_own_hash() -> None:
    sibling = Log(SM3, f"{ORIGIN}/sm3", (SIBLING_KEY,))
    sibling.append(b"one", b"two", b"three")
    before = seen(sibling)
    sibling.append(b"four")
    assert status(decide(asked(sibling, 3), WATCHED, before)) == 200
    mistaken = {sibling.origin: WatchedLog((SIBLING_KEY.key,), SHA256)}
    assert status(decide(asked(sibling, 3), mistaken, before)) == 422


def test_the_same_checkpoint_may_be_asked_about_again(log: Log) -> None:
    assert status(decide(asked(log, 5, []), WATCHED, seen(log))) == 200


def test_an_unknown_log_is_not_found(log: Log) -> None:
    assert status(decide(asked(log, 0), {}, {})) == 404


def test_a_checkpoint_that_its_log_did_not_sign_is_forbidden(log: Log) -> None:
    stranger = {ORIGIN: WatchedLog((SIBLING_KEY.key,), SHA256)}
    assert status(decide(asked(log, 0), stranger, {})) == 403
    checkpoint = log.checkpoint()
    text = checkpoint.text.replace("\n5\n", "\n6\n")
    altered = AddCheckpoint(0, (), Note(text, checkpoint.signatures))
    assert status(decide(bytes(altered), WATCHED, {})) == 403


def test_an_old_size_above_the_new_one_is_a_bad_request(log: Log) -> None:
    assert status(decide(asked(log, 6, []), WATCHED, {})) == 400


def test_another_old_size_conflicts_and_is_told_the_right_one(log: Log) -> None:
    answer = decide(asked(log, 3), WATCHED, seen(log))
    assert answer == Refused(409, "5\n", SIZE_CONTENT_TYPE)
    assert decide(asked(log, 3), WATCHED, {}) == Refused(409, "0\n", SIZE_CONTENT_TYPE)


def test_another_root_at_the_same_size_cannot_be_processed(log: Log) -> None:
    fork = {ORIGIN: Seen(5, bytes(32))}
    assert status(decide(asked(log, 5, []), WATCHED, fork)) == 422


def test_a_wrong_proof_cannot_be_processed(log: Log) -> None:
    before = seen(log)
    log.append(b"more")
    proof = log.consistency(5)
    for wrong in ([], proof[:-1], [bytes(32), *proof[1:]]):
        assert status(decide(asked(log, 5, wrong), WATCHED, before)) == 422
    assert status(decide(asked(log, 0, proof), WATCHED, {})) == 422


def test_an_empty_log_has_one_root() -> None:
    empty = Log(signers=(LOG_KEY,))
    assert status(decide(asked(empty, 0), WATCHED, {})) == 200
    text = str(Checkpoint(ORIGIN, 0, bytes(32)))
    note = Note(text, (LOG_KEY.sign(text, NOW),))
    assert status(decide(bytes(AddCheckpoint(0, (), note)), WATCHED, {})) == 422


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0\n",
        b"old x\n\norigin\n",
        b"old 0\nshort\n\norigin\n",
        b"old 00\n\n" + NOTE,
        b"old 0\n" + b"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n" * 64 + b"\n" + NOTE,
    ],
)
def test_a_body_of_another_form_is_a_bad_request(body: bytes) -> None:
    assert status(decide(body, WATCHED, {})) == 400


def test_a_request_and_a_proof_read_back_as_themselves(log: Log) -> None:
    request = AddCheckpoint.parse(asked(log, 3))
    assert AddCheckpoint.parse(bytes(request)) == request
    proof = log.proof(3)
    assert LogProof.parse(bytes(proof)) == proof
    extra = LogProof(proof.index, proof.hashes, proof.checkpoint, b"more")
    assert LogProof.parse(bytes(extra)) == extra


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v2"),
        ("index 3", "index 03"),
        ("index 3", "extra !"),
        ("index 3", "index 3\nshort"),
    ],
)
def test_a_malformed_proof_is_refused(log: Log, line: str, instead: str) -> None:
    damaged = bytes(log.proof(3)).decode().replace(line, instead)
    with pytest.raises(NoteMalformed):
        LogProof.parse(damaged.encode())
