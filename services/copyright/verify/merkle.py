"""Merkle tree hashing and proof verification (RFC 6962 §2.1; RFC 9162 §2.1.3.2 and §2.1.4.2)."""

import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

HASH_SIZE = 32


class ProofInvalid(ValueError):
    """The proof does not lead from what it starts with to the root; the message says why."""


class CannotCheck(Exception):
    """This computer lacks what the check needs; the message names it. Says nothing of validity."""


def sm3(data: bytes) -> bytes:
    """SM3 (GB/T 32905) of `data`. Raises `CannotCheck` where Python knows no SM3."""
    return _sm3_function()(data)


@functools.cache
def _sm3_function() -> Callable[[bytes], bytes]:
    try:
        blank = hashlib.new("sm3")
    except ValueError:
        return _sm3_of_cryptography()

    def digest(data: bytes) -> bytes:
        begun = blank.copy()  # twice as fast as looking SM3 up by its name each time
        begun.update(data)
        return begun.digest()

    return digest


def _sm3_of_cryptography() -> Callable[[bytes], bytes]:
    try:
        from cryptography.hazmat.primitives import hashes
    except ImportError:
        raise CannotCheck("this Python has no SM3; install the package cryptography") from None

    def digest(data: bytes) -> bytes:
        begun = hashes.Hash(hashes.SM3())
        begun.update(data)
        return begun.finalize()

    return digest


def sha256(data: bytes) -> bytes:
    """SHA-256 (FIPS 180-4) of `data`."""
    return hashlib.sha256(data).digest()


@dataclass(frozen=True)
class TreeHash:
    """The hash of a tree: 32 bytes wide, with the domain separation of RFC 6962 §2.1."""

    name: str
    digest: Callable[[bytes], bytes]

    def empty(self) -> bytes:
        return self.digest(b"")

    def leaf(self, entry: bytes) -> bytes:
        return self.digest(b"\x00" + entry)

    def node(self, left: bytes, right: bytes) -> bytes:
        return self.digest(b"\x01" + left + right)


SHA256 = TreeHash("sha256", sha256)
SM3 = TreeHash("sm3", sm3)


def perfect_root(tree_hash: TreeHash, hashes: Sequence[bytes]) -> bytes:
    """The root over `hashes`, whose number is a power of two."""
    level = list(hashes)
    while len(level) > 1:
        level = [tree_hash.node(*level[i : i + 2]) for i in range(0, len(level), 2)]
    return level[0]


def tree_root(tree_hash: TreeHash, leaf_hashes: Sequence[bytes]) -> bytes:
    """The root of the tree over `leaf_hashes` (RFC 6962 §2.1)."""
    if not leaf_hashes:
        return tree_hash.empty()
    return fold_right(tree_hash, perfect_roots(tree_hash, leaf_hashes))


def perfect_roots(tree_hash: TreeHash, hashes: Sequence[bytes]) -> list[bytes]:
    """The roots of the maximal perfect subtrees over `hashes`, left to right."""
    roots = []
    start = 0
    while start < len(hashes):
        width = 1 << ((len(hashes) - start).bit_length() - 1)
        roots.append(perfect_root(tree_hash, hashes[start : start + width]))
        start += width
    return roots


def fold_right(tree_hash: TreeHash, roots: Sequence[bytes]) -> bytes:
    """One root out of those of ever smaller perfect subtrees, at least one, left to right."""
    *rest, root = roots
    for left in reversed(rest):
        root = tree_hash.node(left, root)
    return root


def verify_inclusion(
    tree_hash: TreeHash,
    index: int,
    size: int,
    leaf_hash: bytes,
    proof: Sequence[bytes],
    root: bytes,
) -> None:
    """Check that the entry at `index` of a tree of `size` has `leaf_hash` (RFC 9162 §2.1.3.2).

    Raises `ProofInvalid`.
    """
    if not 0 <= index < size:
        raise ProofInvalid(f"entry {index} is not in a tree of {size}")
    _require_hashes(leaf_hash, root, *proof)
    first, last, found = index, size - 1, leaf_hash
    for each in proof:
        if last == 0:
            raise ProofInvalid("the proof has too many hashes")
        if first & 1 or first == last:
            found = tree_hash.node(each, found)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            found = tree_hash.node(found, each)
        first, last = first >> 1, last >> 1
    if last:
        raise ProofInvalid("the proof has too few hashes")
    if found != root:
        raise ProofInvalid("the proof leads to another root")


def verify_consistency(
    tree_hash: TreeHash,
    old_size: int,
    new_size: int,
    old_root: bytes,
    new_root: bytes,
    proof: Sequence[bytes],
) -> None:
    """Check that the tree of `old_size` is the beginning of that of `new_size` (§2.1.4.2).

    An empty old tree is always refused: every tree continues it, so nothing is proved, and a
    witness has a rule of its own for it. Raises `ProofInvalid`.
    """
    if not 0 < old_size <= new_size:
        raise ProofInvalid(f"no tree of {new_size} can be shown to continue one of {old_size}")
    if old_size == new_size:
        if proof:
            raise ProofInvalid("trees of one size need no proof")
        if old_root != new_root:
            raise ProofInvalid("two roots at one size")
        return
    if not proof:
        raise ProofInvalid("the proof is missing")
    _require_hashes(old_root, new_root, *proof)
    path = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)
    first, last = old_size - 1, new_size - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    old_found = new_found = path[0]
    for each in path[1:]:
        if last == 0:
            raise ProofInvalid("the proof has too many hashes")
        if first & 1 or first == last:
            old_found = tree_hash.node(each, old_found)
            new_found = tree_hash.node(each, new_found)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            new_found = tree_hash.node(new_found, each)
        first, last = first >> 1, last >> 1
    if last:
        raise ProofInvalid("the proof has too few hashes")
    if old_found != old_root:
        raise ProofInvalid("the proof leads to another old root")
    if new_found != new_root:
        raise ProofInvalid("the proof leads to another new root")


def _require_hashes(*hashes: bytes) -> None:
    if any(len(each) != HASH_SIZE for each in hashes):
        raise ProofInvalid(f"a hash is not {HASH_SIZE} bytes long")
