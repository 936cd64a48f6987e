"""What tells one submission to the log from another."""

import hashlib

from services.copyright.verify.leaf import Leaf


def dedup(key: str, kind: str, body: bytes) -> bytes:
    """SHA-256 over idempotency key, event type and the body's digest, each behind its length."""
    parts = (key.encode(), kind.encode(), hashlib.sha256(body).digest())
    return hashlib.sha256(b"".join(len(p).to_bytes(4, "big") + p for p in parts)).digest()


def dedup_of(leaf: Leaf, body: bytes) -> bytes:
    """The `dedup` of a registration's event, which an entry read back from the log has again: an
    event is submitted under its place within the registration."""
    return dedup(f"{leaf.reg_id}/{leaf.seq_in_reg}", leaf.type, body)
