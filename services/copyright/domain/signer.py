"""What the signer asks before it signs: a pure decision.

It signs nothing but continuations of what it signed before, so whoever takes the service over can
stop the log, not fork it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from services.copyright.domain.witness import NEVER, Refused, Seen
from services.copyright.verify.merkle import ProofInvalid, TreeHash, verify_consistency
from services.copyright.verify.notes import (
    Checkpoint,
    NoteMalformed,
    decode_hash,
    encode_base64,
)


@dataclass(frozen=True)
class SignRequest:
    """A checkpoint that is not signed yet, with the proof from the size signed last."""

    checkpoint: Checkpoint
    old_size: int
    proof: tuple[bytes, ...]

    @classmethod
    def parse(cls, body: bytes) -> "SignRequest":
        """Read a body. Raises `NoteMalformed`."""
        try:
            value = json.loads(body)
            old_size, proof, text = int(value["old_size"]), value["proof"], value["checkpoint"]
            return cls(Checkpoint.parse(text), old_size, tuple(map(decode_hash, proof)))
        except (KeyError, TypeError, AttributeError, ValueError) as reason:
            raise NoteMalformed(f"a request is checkpoint, old_size and proof: {reason}") from None

    def __bytes__(self) -> bytes:
        value = {
            "checkpoint": str(self.checkpoint),
            "old_size": self.old_size,
            "proof": [encode_base64(each) for each in self.proof],
        }
        return json.dumps(value).encode()


def decide(
    request: SignRequest, trees: Mapping[str, TreeHash], last: Mapping[str, Seen]
) -> Seen | Refused:
    """What becomes of a request, knowing the hash of each log's tree and what was signed last, by
    origin: what to remember before the signature leaves, or why there is none.

    404 another log, 409 another size was signed last (the body says which), 422 no continuation.
    """
    new = request.checkpoint
    tree_hash = trees.get(new.origin)
    if tree_hash is None:
        return Refused(404, "This signer has no key of that log.\n")
    latest = last.get(new.origin, NEVER)
    if request.old_size != latest.size:
        return Refused(409, f"{latest.size}\n")
    if latest.size == 0:
        if request.proof or (new.size == 0 and new.root != tree_hash.empty()):
            return Refused(422, "This does not continue an empty log.\n")
        return Seen(new.size, new.root)
    try:
        verify_consistency(tree_hash, latest.size, new.size, latest.root, new.root, request.proof)
    except ProofInvalid as reason:
        return Refused(422, f"{reason}\n")
    return Seen(new.size, new.root)
