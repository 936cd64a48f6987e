"""The steps that ask whether the record is in the log, since when, and who saw it."""

from collections.abc import Callable

from services.copyright.verify.bundle import (
    CHECKPOINT,
    PROOF,
    RECORD,
    TIMESTAMPS,
    BundleMalformed,
    faults_in_checksums,
    member,
    unpack,
)
from services.copyright.verify.evidence import Absent, Evidence, good, included
from services.copyright.verify.merkle import CannotCheck, TreeHash
from services.copyright.verify.notes import Checkpoint, verify_note
from services.copyright.verify.report import Finding
from services.copyright.verify.timestamps import Timestamp, TimestampInvalid, verify_timestamp

SM3_ORIGIN = "/sm3"
"""What the sibling's origin adds to the log's."""


def container(evidence: Evidence) -> Finding:
    """The archive is byte for byte the one that its members make."""
    if evidence.archive is None:
        raise Absent("核验的是已解开的文件夹", "an unpacked folder is being checked")
    unpack(evidence.archive)
    count = len(evidence.members)
    return good(f"{count} 个成员，归档与签发时一致", f"{count} members, as issued")


def checksums(sums: str) -> Callable[[Evidence], Finding]:
    """Every member is the one that the file `sums` names."""

    def step(evidence: Evidence) -> Finding:
        if faults := faults_in_checksums(evidence.members, sums):
            raise BundleMalformed(", ".join(faults))
        return good("所有成员相符", "every member matches")

    return step


def record(evidence: Evidence) -> Finding:
    """The record is an entry in its canonical form."""
    leaf = evidence.record()
    said = f"{leaf.type} {leaf.reg_id} #{leaf.seq_in_reg}"
    return good(f"{said}，自称时间 {leaf.claimed_at}", f"{said}, claimed at {leaf.claimed_at}")


def checkpoint(evidence: Evidence) -> Finding:
    """The checkpoint beside the proof is the one within it."""
    note = evidence.proof().checkpoint
    if member(evidence.members, CHECKPOINT) != bytes(note):
        raise BundleMalformed("the checkpoint is not the one in the proof")
    found = Checkpoint.parse(note.text)
    return good(f"{found.origin}，共 {found.size} 条", f"{found.origin}, {found.size} entries")


def _require_member(evidence: Evidence, name: str) -> None:
    if name not in evidence.members:
        raise CannotCheck(f"the bundle has no {name}")


def log_signature(name: str) -> Callable[[Evidence], Finding]:
    """A trusted key of the log signed the checkpoint in the proof `name`."""

    def step(evidence: Evidence) -> Finding:
        _require_member(evidence, name)
        _, signed = evidence.trust.signed(evidence.proof(name).checkpoint)
        keys = ", ".join(f"{key.name} ({key.id.hex()})" for key in signed.times)
        more = "".join(f"; {key.id.hex()}: {why}" for key, why in signed.unchecked.items())
        return evidence.believed(f"签名者 {keys}{more}", f"signed by {keys}{more}")

    return step


def inclusion(name: str, tree_hash: TreeHash) -> Callable[[Evidence], Finding]:
    """The proof `name` leads from the record to the root, at the same place in both logs."""

    def step(evidence: Evidence) -> Finding:
        _require_member(evidence, name)
        proof, first = evidence.proof(name), evidence.proof()
        found = included(tree_hash, proof, member(evidence.members, RECORD))
        tree = Checkpoint.parse(first.checkpoint.text)
        origin = tree.origin if name == PROOF else tree.origin + SM3_ORIGIN
        if (proof.index, found.size, found.origin) != (first.index, tree.size, origin):
            raise BundleMalformed("the two logs do not agree on index, size and origin")
        return good(
            f"第 {proof.index} 条，共 {found.size} 条", f"entry {proof.index} of {found.size}"
        )

    return step


def witnesses(evidence: Evidence) -> Finding:
    """Enough witnesses cosigned the checkpoint."""
    policy = evidence.trust.policy
    if policy is None:
        raise CannotCheck("no witness policy was given")
    if policy.satisfied_by(()):
        return evidence.believed("策略不要求见证", "the policy asks for no witness")
    signed = verify_note(evidence.proof().checkpoint, policy.witnesses.values())
    told = ", ".join(sorted(key.name for key in signed.times)) or "–"
    if policy.satisfied_by(signed.times.keys()):
        return evidence.believed(f"见证足数：{told}", f"a quorum of witnesses: {told}")
    if policy.satisfied_by([*signed.times, *signed.unchecked]):
        raise CannotCheck("; ".join(signed.unchecked.values()))
    raise BundleMalformed(f"too few witnesses for the quorum {policy.quorum}: {told}")


def timestamps(evidence: Evidence) -> Finding:
    """Time-stamp authorities saw the checkpoint; one that is trusted suffices, none may lie."""
    tokens = [name for name in evidence.in_folder(TIMESTAMPS) if name.endswith(".tsr")]
    if not tokens:
        raise CannotCheck("the bundle has no time-stamp yet, so it does not prove when")
    stamps: list[Timestamp] = []
    lacks = []
    for name in tokens:
        try:
            stamps.append(_timestamp(evidence, name))
        except TimestampInvalid as reason:
            raise TimestampInvalid(f"{name}: {reason}") from None
        except CannotCheck as reason:
            lacks.append(f"{name}: {reason}")
    if not stamps:
        raise CannotCheck("; ".join(lacks))
    earliest = f"{min(stamp.time for stamp in stamps):%Y-%m-%dT%H:%M:%SZ}"
    more = "".join(f"; {lack}" for lack in lacks)
    return evidence.believed(
        f"不晚于 {earliest} 已存在({len(stamps)} 个时间戳){more}",
        f"existed by {earliest} ({len(stamps)} time-stamps){more}",
    )


def _timestamp(evidence: Evidence, name: str) -> Timestamp:
    text = evidence.proof().checkpoint.text.encode()
    chain = evidence.members.get(name.removesuffix(".tsr") + ".pem", b"")
    return verify_timestamp(evidence.members[name], text, evidence.trust.roots, chain)
