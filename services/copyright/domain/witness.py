"""What a witness asks of a log before it cosigns (C2SP tlog-witness): a pure decision.

The program around it keeps the last checkpoint of each origin, and must compare and store within
one lock before it answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from services.copyright.verify.merkle import ProofInvalid, TreeHash, verify_consistency
from services.copyright.verify.notes import (
    Checkpoint,
    Note,
    NoteMalformed,
    SignatureInvalid,
    VerifierKey,
    decode_hash,
    decode_number,
    encode_base64,
    verify_note,
)

MAX_PROOF_LINES = 63
SIZE_CONTENT_TYPE = "text/x.tlog.size"


@dataclass(frozen=True)
class AddCheckpoint:
    """The body of ``POST add-checkpoint``."""

    old_size: int
    proof: tuple[bytes, ...]
    note: Note

    @classmethod
    def parse(cls, data: bytes) -> "AddCheckpoint":
        """Read a body. Raises `NoteMalformed`."""
        head, blank, note = data.partition(b"\n\n")
        first, *lines = head.decode(errors="replace").split("\n")
        if not blank or not first.startswith("old "):
            raise NoteMalformed("a body is an old size, a proof, a blank line and a checkpoint")
        if len(lines) > MAX_PROOF_LINES:
            raise NoteMalformed(f"a proof has at most {MAX_PROOF_LINES} lines")
        old_size = decode_number(first.removeprefix("old "))
        return cls(old_size, tuple(map(decode_hash, lines)), Note.parse(note))

    def __bytes__(self) -> bytes:
        lines = [f"old {self.old_size}", *map(encode_base64, self.proof)]
        return "".join(f"{line}\n" for line in lines).encode() + b"\n" + bytes(self.note)


@dataclass(frozen=True)
class WatchedLog:
    """A log that the witness knows: its keys, and its tree's hash (SM3 for the sibling)."""

    keys: tuple[VerifierKey, ...]
    tree_hash: TreeHash


@dataclass(frozen=True)
class Seen:
    """The latest checkpoint cosigned for an origin; size 0 and no root before the first."""

    size: int
    root: bytes


NEVER = Seen(0, b"")


@dataclass(frozen=True)
class Refused:
    """`body` and `content_type` are the answer's; nothing is recorded."""

    status: int
    body: str
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Accepted:
    """Record `seen` for `origin` first, then answer 200 with cosignatures of `note`'s text."""

    origin: str
    seen: Seen
    note: Note


def decide(
    body: bytes, logs: Mapping[str, WatchedLog], seen: Mapping[str, Seen]
) -> Accepted | Refused:
    """What the witness answers to a body, knowing `logs` and the latest checkpoints `seen`, both
    by origin.

    In the standard's order: 400 not understood, 404 an unknown log, 403 not signed by it, 400 old
    size above the new one, 409 old size not the latest, 422 not consistent.
    """
    try:
        request = AddCheckpoint.parse(body)
        checkpoint = Checkpoint.parse(request.note.text)
    except NoteMalformed as reason:
        return Refused(400, f"{reason}\n")
    log = logs.get(checkpoint.origin)
    if log is None:
        return Refused(404, "This witness does not watch that log.\n")
    try:
        signed = verify_note(request.note, log.keys)
    except SignatureInvalid as reason:
        return Refused(403, f"{reason}\n")
    if not signed.times:
        return Refused(403, "".join(f"{reason}\n" for reason in signed.unchecked.values()))
    if request.old_size > checkpoint.size:
        return Refused(400, "The old size is above the checkpoint's.\n")
    latest = seen.get(checkpoint.origin, NEVER)
    if request.old_size != latest.size:
        return Refused(409, f"{latest.size}\n", SIZE_CONTENT_TYPE)
    if fault := _inconsistency(log.tree_hash, request, checkpoint, latest):
        return Refused(422, f"{fault}\n")
    return Accepted(checkpoint.origin, Seen(checkpoint.size, checkpoint.root), request.note)


def _inconsistency(
    tree_hash: TreeHash, request: AddCheckpoint, checkpoint: Checkpoint, latest: Seen
) -> str | None:
    """Why the checkpoint does not continue the latest one; None where it does."""
    if latest.size == 0:
        if request.proof:
            return "Nothing is to be proved from an empty log."
        if checkpoint.size == 0 and checkpoint.root != tree_hash.empty():
            return "This is not the root of an empty log."
        return None
    try:
        verify_consistency(
            tree_hash, latest.size, checkpoint.size, latest.root, checkpoint.root, request.proof
        )
    except ProofInvalid as reason:
        return str(reason)
    return None
