"""An evidence bundle under check, and how its members are read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.copyright.verify.bundle import PROOF, RECORD, BundleMalformed, member
from services.copyright.verify.canonical import parse_canonical
from services.copyright.verify.leaf import Leaf
from services.copyright.verify.merkle import TreeHash, verify_inclusion
from services.copyright.verify.notes import Checkpoint
from services.copyright.verify.proof import LogProof
from services.copyright.verify.report import Finding, Verdict
from services.copyright.verify.trust import Trust


class Absent(Exception):
    """There is nothing for a step to check. Arguments: why, in Chinese and in English."""


@dataclass(frozen=True)
class Evidence:
    """A bundle under check: `archive` is its ZIP file, None for a folder; `work` is a file that is
    claimed to be the registered one."""

    members: Mapping[str, bytes]
    trust: Trust
    archive: bytes | None = None
    work: bytes | None = None

    def record(self) -> Leaf:
        """Raises `BundleMalformed`, `LeafMalformed`."""
        return Leaf.parse(member(self.members, RECORD))

    def proof(self, name: str = PROOF) -> LogProof:
        """Raises `BundleMalformed`, `NoteMalformed`."""
        return LogProof.parse(member(self.members, name))

    def optional(self, name: str) -> bytes:
        """A member that may be missing. Raises `Absent`."""
        if name not in self.members:
            raise Absent(f"证据包中没有 {name}", f"the bundle has no {name}")
        return self.members[name]

    def in_folder(self, folder: str) -> list[str]:
        """The names of a folder's members, sorted."""
        return sorted(name for name in self.members if name.startswith(folder))

    def believed(self, zh: str, en: str) -> Finding:
        """Good if whoever checks brought the trust, undecided if the bundle vouches for itself."""
        if not self.trust.asserted:
            return good(zh, en)
        return Finding(
            Verdict.UNCHECKED,
            f"{zh}；但公钥出自证据包自身(自证)，请用 --trust 指定可信公钥",
            f"{en}; but only by the bundle's own keys (self-asserted): name yours with --trust",
        )


def good(zh: str, en: str) -> Finding:
    """What was to be shown is shown."""
    return Finding(Verdict.GOOD, zh, en)


def json_object(data: bytes, *keys: str) -> dict[str, Any]:
    """A canonical JSON object with just these keys. Raises `BundleMalformed`, `NotCanonical`."""
    value = parse_canonical(data)
    if not isinstance(value, dict) or value.keys() != set(keys):
        raise BundleMalformed(f"not an object of {', '.join(keys)}")
    return value


def included(tree_hash: TreeHash, proof: LogProof, entry: bytes) -> Checkpoint:
    """The checkpoint whose tree has `entry`. Raises `NoteMalformed`, `ProofInvalid`."""
    found = Checkpoint.parse(proof.checkpoint.text)
    leaf_hash = tree_hash.leaf(entry)
    verify_inclusion(tree_hash, proof.index, found.size, leaf_hash, proof.hashes, found.root)
    return found
