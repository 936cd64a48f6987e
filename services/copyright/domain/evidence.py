"""What goes into an evidence bundle, in the form that its verifier reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.copyright.domain.registrations import WorkFile
from services.copyright.verify.bundle import (
    CHECKPOINT,
    DEPOSITS,
    DISCLOSURE,
    FACTS,
    HISTORY,
    ISCC,
    LICENCE,
    MANIFEST,
    POLICY,
    PROOF,
    RECORD,
    SM3_PROOF,
    TIMESTAMPS,
    TRUST,
    with_checksums,
)
from services.copyright.verify.canonical import canonical
from services.copyright.verify.leaf import Leaf
from services.copyright.verify.notes import VerifierKey
from services.copyright.verify.proof import LogProof


@dataclass(frozen=True)
class LoggedEvent:
    """An entry's bytes with the proofs that both logs have it, at one index and size."""

    entry: bytes
    proof: LogProof
    sm3_proof: LogProof


@dataclass(frozen=True)
class Stamp:
    """An authority's DER TimeStampResp over the text of the record's checkpoint, and the PEM
    certificates up to its root. `name` is a file name without suffix."""

    name: str
    response: bytes
    chain: bytes


@dataclass(frozen=True)
class Receipt:
    """What an evidence platform wrote when it took the work's digest (hex)."""

    platform: str
    digest: str
    text: bytes


@dataclass(frozen=True)
class Described:
    """What is told of a work, and the salt of the record's commitment to it."""

    details: Mapping[str, Any]
    files: Sequence[WorkFile]
    salt: bytes


@dataclass(frozen=True, kw_only=True)
class Enclosed:
    """What a bundle encloses. `history` holds every event of the registration from its first to
    its last, `record` being one of them; `described` is what is told of the work, of a record that
    commits to it; `disclosed` is an identity with its salt, for its owner only; `manifest` lists a
    work's several files; `documents` are members by name, such as the certificate, the verifiers,
    the licence's legal text and the work under ``content/``."""

    record: LoggedEvent
    history: Sequence[LoggedEvent]
    stamps: Sequence[Stamp]
    policy: str
    keys: Sequence[VerifierKey]
    described: Described | None = None
    disclosed: tuple[Mapping[str, Any], bytes] | None = None
    manifest: Sequence[Mapping[str, Any]] | None = None
    licence: bytes | None = None
    receipts: Sequence[Receipt] = ()
    documents: Mapping[str, bytes] = field(default_factory=dict)

    def members(self) -> dict[str, bytes]:
        """The bundle's members by name, checksums included."""
        leaf = Leaf.parse(self.record.entry)
        made = {
            **self.documents,
            RECORD: self.record.entry,
            PROOF: bytes(self.record.proof),
            SM3_PROOF: bytes(self.record.sm3_proof),
            CHECKPOINT: bytes(self.record.proof.checkpoint),
            POLICY: self.policy.encode(),
        }
        for number, event in enumerate(self.history):
            made[f"{HISTORY}{number:04d}.json"] = _told(event)
        for stamp in self.stamps:
            made[f"{TIMESTAMPS}{stamp.name}.tsr"] = stamp.response
            made[f"{TIMESTAMPS}{stamp.name}.pem"] = stamp.chain
        for receipt in self.receipts:
            written = {"digest": receipt.digest, "receipt": receipt.text.decode(errors="replace")}
            made[f"{DEPOSITS}{receipt.platform}.json"] = canonical(written)
        for key in self.keys:
            made[f"{TRUST}{key.id.hex()}.vkey"] = f"{key}\n".encode()
        if self.described is not None:
            told = {
                "details": dict(self.described.details),
                "files": [each.described() for each in self.described.files],
                "salt": self.described.salt.hex(),
            }
            made[FACTS] = canonical(told)
        if self.disclosed is not None:
            identity, salt = self.disclosed
            made[DISCLOSURE] = canonical({"identity": dict(identity), "salt": salt.hex()})
        if self.manifest is not None:
            made[MANIFEST] = canonical([dict(each) for each in self.manifest])
        if self.licence is not None:
            made[LICENCE] = self.licence
        if leaf.iscc is not None:
            made[ISCC] = canonical({"iscc": leaf.iscc})
        return with_checksums(made)


def _told(event: LoggedEvent) -> bytes:
    proofs = {"proof": bytes(event.proof).decode(), "sm3_proof": bytes(event.sm3_proof).decode()}
    return canonical({"leaf": event.entry.decode(), **proofs})
