"""A small pair of logs with keys, witnesses and a registration's evidence, all made here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.copyright.domain.evidence import Described, Enclosed, LoggedEvent, Receipt
from services.copyright.domain.proofs import Plan, plan_consistency, plan_inclusion
from services.copyright.domain.registrations import WorkFile
from services.copyright.domain.signing import Cosigner, Ed25519Signer, NoteSigner, Sm2Signer
from services.copyright.domain.tree import Edge, grow, trimmed
from services.copyright.verify.canonical import subject_commitment, work_commitment
from services.copyright.verify.leaf import Leaf, event_hash
from services.copyright.verify.merkle import SHA256, SM3, TreeHash, sha256, sm3
from services.copyright.verify.notes import Checkpoint, Note
from services.copyright.verify.proof import LogProof
from services.copyright.verify.seal import sealed_text
from services.copyright.verify.tiles import (
    TILE_WIDTH,
    Tile,
    bundles_of,
    encode_entries,
    tile_in,
)

ORIGIN = "log.example/test"
NOW = 1_780_000_000
WORK = "第一课 认识分数".encode()
LICENCE = b'{"@type":"Offer"}'
IDENTITY = {"name": "张三", "organisation": "0191d0a0-0000-7000-8000-000000000001"}
SALT = bytes(range(32))
REGISTRATION = "0191d0a0-0000-7000-8000-0000000000aa"
ISCC = "ISCC:KACYPXW445FTYNJ3"


DETAILS = {"title": "认识分数", "category": "written", "completed_on": "2026-09-10"}


def private(seed: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)


def described(data: bytes) -> dict[str, Any]:
    return {"sha256": sha256(data).hex(), "sm3": sm3(data).hex(), "size": len(data)}


def event(
    previous: Sequence[bytes], kind: str = "register", subject: str | None = "", **changed: Any
) -> bytes:
    """The next entry of a registration whose entries so far are `previous`."""
    given: dict[str, Any] = {
        "type": kind,
        "reg_id": REGISTRATION,
        "seq_in_reg": len(previous),
        "prev_event": event_hash(previous[-1]) if previous else None,
        "claimed_at": "2026-11-22T08:00:00Z",
        "auth_context": {"method": "oidc", "assurance": "substantial", "session": None},
        "detail": {},
        "subject_commitment": subject_commitment(SALT, IDENTITY) if subject == "" else subject,
    }
    if kind in ("register", "revise"):
        given |= {"resource_id": REGISTRATION, "resource_version": 1, "digests": described(WORK)}
        given |= {"iscc": ISCC, "rights_policy_sha256": sha256(LICENCE).hex()}
        given |= {"work_commitment": work_commitment(SALT, DETAILS, [vars(WORK_FILE)])}
    return Leaf(**(given | changed)).encode()


WORK_FILE = WorkFile("第一课.txt", **described(WORK))


def sealed(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """The members with the seal over their checksums."""
    text = sealed_text(SEAL_KEY.key.name, sha256(members["SHA256SUMS"]).hex())
    return {**members, "seal": bytes(Note(text, (SEAL_KEY.sign(text, 0),)))}


@dataclass
class Log:
    """A log that keeps everything it ever wrote in memory."""

    tree_hash: TreeHash = SHA256
    origin: str = ORIGIN
    signers: Sequence[NoteSigner] = ()
    entries: list[bytes] = field(default_factory=list)
    tiles: dict[Tile, bytes] = field(default_factory=dict)
    edge: Edge = field(default_factory=lambda: Edge(0, ()))

    def append(self, *entries: bytes) -> None:
        grown = grow(self.tree_hash, self.edge, [self.tree_hash.leaf(each) for each in entries])
        self.entries += entries
        self.tiles |= grown.tiles
        self.edge = grown.edge

    def checkpoint(self) -> Note:
        root = self.edge.root(self.tree_hash)
        text = str(Checkpoint(self.origin, self.edge.size, root))
        return Note(text, tuple(signer.sign(text, NOW) for signer in self.signers))

    def inclusion(self, index: int) -> list[bytes]:
        return self._built(plan_inclusion(index, self.edge.size))

    def consistency(self, old_size: int) -> list[bytes]:
        return self._built(plan_consistency(old_size, self.edge.size))

    def _built(self, plan: Plan) -> list[bytes]:
        return plan.build(self.tree_hash, {tile: self.tiles[tile] for tile in plan.tiles()})

    def older(self, plan: Plan) -> list[bytes]:
        """A proof in an earlier tree, out of the present one's tiles."""
        tiles = {}
        for tile in plan.tiles():
            now = tile_in(tile.level, tile.number, self.edge.size)
            tiles[tile] = trimmed(self.tiles[now], tile.width)
        return plan.build(self.tree_hash, tiles)

    def proof(self, index: int) -> LogProof:
        return LogProof(index, tuple(self.inclusion(index)), self.checkpoint())

    def publish(self, folder: Path) -> None:
        files = {tile.path: data for tile, data in self.tiles.items()}
        for bundle in bundles_of(self.edge.size):
            first = bundle.number * TILE_WIDTH
            files[bundle.path] = encode_entries(self.entries[first : first + bundle.width])
        for path, data in {**files, "checkpoint": bytes(self.checkpoint())}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)


LOG_KEY = Ed25519Signer(ORIGIN, private(1))
SIBLING_KEY = Ed25519Signer(f"{ORIGIN}/sm3", private(2))
SEAL_KEY = Ed25519Signer(f"{ORIGIN}/evidence", private(3))
WITNESSES = [Cosigner(f"witness.example/{n}", private(10 + n)) for n in (1, 2, 3)]
POLICY = "".join(
    [
        f"log {LOG_KEY.key}\nlog {SIBLING_KEY.key}\n",
        *(f"witness w{n} {each.key}\n" for n, each in enumerate(WITNESSES)),
        "group all-of-us 2 w0 w1 w2\nquorum all-of-us\n",
    ]
)


def logs(sm2_key: bytes) -> tuple[Log, Log]:
    """A log and its sibling, with seven entries of others in them."""
    sibling_keys = (SIBLING_KEY, Sm2Signer(f"{ORIGIN}/sm3", sm2_key))
    log = Log(signers=(LOG_KEY, *WITNESSES[:2]))
    sibling = Log(SM3, f"{ORIGIN}/sm3", sibling_keys)
    for each in (log, sibling):
        each.append(*(f"entry {n}".encode() for n in range(7)))
    return log, sibling


def evidence(log: Log, sibling: Log, opening: bytes | None = None) -> Enclosed:
    """A bundle for a registration that these logs now hold, without time-stamps; `opening` is
    its first entry where that is another."""
    history = [opening or event([])]
    history.append(event(history, "licence.offer", rights_policy_sha256=sha256(LICENCE).hex()))
    first = len(log.entries)
    for each in (log, sibling):
        each.append(*history)
    logged = [
        LoggedEvent(entry, log.proof(first + n), sibling.proof(first + n))
        for n, entry in enumerate(history)
    ]
    return Enclosed(
        record=logged[0],
        history=logged,
        stamps=[],
        policy=POLICY,
        keys=[LOG_KEY.key, SEAL_KEY.key],
        described=Described(DETAILS, [WORK_FILE], SALT),
        disclosed=(IDENTITY, SALT),
        licence=LICENCE,
        receipts=[Receipt("notary", sha256(WORK).hex(), sha256(WORK).hex().encode())],
        documents={
            "README.zh.txt": "版权存证".encode(),
            "certificate.pdf": b"%PDF-1.7 certificate",
            "verify.html": b"<!doctype html>",
            "content/第一课.txt": WORK,
        },
    )
