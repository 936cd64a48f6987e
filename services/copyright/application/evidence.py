"""Evidence bundles, and whom a verifier may believe."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.copyright.application.deposits import DepositStore
from services.copyright.application.evidence_ports import (
    CertificateFacts,
    CertificatePrinter,
    LogKey,
    ProofReads,
    Provable,
    StampRow,
)
from services.copyright.application.intake import Logs, Stores
from services.copyright.application.log_ports import LogStore, TimestampAuthority
from services.copyright.application.log_witnessing import Witnessing
from services.copyright.application.views import LogReads, Place
from services.copyright.domain.deposits import Deposit
from services.copyright.domain.evidence import Enclosed, LoggedEvent, Receipt, Stamp
from services.copyright.domain.odrl import Policy
from services.copyright.domain.proofs import plan_inclusion
from services.copyright.domain.registrations import NotLoggedYet, Party, Record, WorkFile
from services.copyright.verify.bundle import LEGAL_TEXT
from services.copyright.verify.leaf import DESCRIBES_WORK, OFFERS_LICENCE, Leaf
from services.copyright.verify.merkle import SHA256, SM3, TreeHash
from services.copyright.verify.notes import Checkpoint, Note, VerifierKey
from services.copyright.verify.proof import LogProof
from shared.database import UnitOfWork
from shared.errors import NotFound
from shared.principal import Principal


class Trusts:
    """What ``GET /copyright/v1/trust`` tells: keys past and present, policy, authorities."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        reads: Callable[[AsyncConnection], ProofReads],
        witnessing: Witnessing,
        authorities: Sequence[TimestampAuthority],
    ) -> None:
        self._new_uow = new_uow
        self._reads = reads
        self._witnessing = witnessing
        self.authorities = authorities

    async def keys(self) -> Sequence[LogKey]:
        """The logs' keys."""
        async with self._new_uow() as uow:
            return await self._reads(uow.connection).keys()

    async def witnesses(self) -> list[tuple[str, str, bool]]:
        """Name, verifier key, and whether we run it, of every witness whose key is known."""
        told = [(each, await each.key()) for each in self._witnessing.witnesses]
        return [(each.name, str(key), each.ours) for each, key in told if key is not None]

    async def policy(self, keys: Sequence[LogKey]) -> str:
        """The witness policy (C2SP tlog-policy), naming the keys of today."""
        today = [VerifierKey.parse(each.vkey) for each in keys if each.valid_to is None]
        named = [(name, vkey) for name, vkey, _ in await self.witnesses()]
        return self._witnessing.quorum.policy(today, named)


class Evidences:
    """Makes bundles out of committed rows alone: equal ones for equal states of the log."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Stores,
        log: Logs,
        reads: Callable[[AsyncConnection], ProofReads],
        places: Callable[[AsyncConnection], LogReads],
        deposits: Callable[[AsyncConnection], DepositStore],
        trusts: Trusts,
        printer: CertificatePrinter,
        documents: Mapping[str, bytes],
        legal_text: Callable[[str], bytes],
        *,
        origin: str,
        public_origin: str,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._log = log
        self._reads = reads
        self._places = places
        self._deposits = deposits
        self._trusts = trusts
        self._printer = printer
        self._documents = documents
        self._legal_text = legal_text
        self._origin = origin
        self._public_origin = public_origin

    async def bundle(self, registration_id: UUID, caller: Principal | None) -> tuple[str, bytes]:
        """The short code and the ZIP archive; a party's own identity is disclosed to it alone.

        Raises `NotFound`, `NotLoggedYet`.
        """
        keys = await self._trusts.keys()
        policy = await self._trusts.policy(keys)
        async with self._new_uow() as uow:
            store, reads = self._store(uow.connection), self._reads(uow.connection)
            record = await store.get(registration_id)
            if record is None:
                raise NotFound("There is no such registration.", zh="没有这项登记。")
            places = await self._places(uow.connection).places(registration_id)
            history = await self._history(uow, registration_id, places)
            described = _described(history)
            checkpoint = Checkpoint.parse(history[described].proof.checkpoint.text)
            stamps = await reads.stamps(checkpoint.origin, checkpoint.size)
            parties = await store.parties(registration_id)
            files = await store.files(registration_id, described)
            disclosed = _disclosed(caller, parties, Leaf.parse(history[described].entry))
            digest = _policy_named(history)
            licence = await store.policy(digest) if digest else None
            deposited = await self._deposits(uow.connection).of(registration_id)
        chosen = history[described]
        facts = self._facts(record, chosen, files, stamps, disclosed)
        documents = {**self._documents, "certificate.pdf": await self._printer.print(facts)}
        if licence is not None:
            documents[LEGAL_TEXT] = self._legal_text(Policy.parse(licence).template)
        enclosed = Enclosed(
            record=chosen,
            history=history,
            stamps=[Stamp(each.authority, each.response, each.chain) for each in stamps],
            policy=policy,
            keys=[VerifierKey.parse(each.vkey) for each in keys],
            disclosed=(disclosed.identity, disclosed.salt) if disclosed else None,
            manifest=[each.described() for each in files] if len(files) > 1 else None,
            licence=licence,
            receipts=_receipts(deposited, chosen),
            documents=documents,
        )
        return record.code, enclosed.archive()

    async def _history(
        self, uow: UnitOfWork, registration_id: UUID, places: Mapping[int, Place]
    ) -> list[LoggedEvent]:
        """The events that can be proved, first to last. Those of one log are proved at one size,
        the others at that of theirs which was frozen."""
        log = self._log(uow.connection)
        entries = await self._store(uow.connection).events(registration_id)
        for count in range(len(places), 0, -1):
            told = [places[number] for number in range(count)]
            sizes = await self._provable(self._reads(uow.connection), told)
            if sizes is not None:
                return [
                    await _logged(log.at(place.base), entry, place.index, sizes[place.base])
                    for entry, place in zip(entries, told, strict=False)
                ]
        raise NotLoggedYet(
            "It is queued: ask again in a few seconds.", zh="登记正在排队入链，请稍后再试。"
        )

    async def _provable(
        self, reads: ProofReads, places: Sequence[Place]
    ) -> Mapping[int, Provable] | None:
        """A checkpoint over all of `places` for each log that has any, by its base; None where a
        log has none."""
        last = {each.base: each for each in sorted(places, key=lambda each: each.index)}
        found = {
            base: await reads.provable(each.origin or self._origin, each.index)
            for base, each in last.items()
        }
        complete = {base: each for base, each in found.items() if each is not None}
        return complete if len(complete) == len(found) else None

    def _facts(
        self,
        record: Record,
        chosen: LoggedEvent,
        files: Sequence[WorkFile],
        stamps: Sequence[StampRow],
        disclosed: Party | None,
    ) -> CertificateFacts:
        leaf = Leaf.parse(chosen.entry)
        note = chosen.proof.checkpoint
        checkpoint = Checkpoint.parse(note.text)
        cosigned = [line for line in note.signatures if line.name != checkpoint.origin]
        digests = [("manifest root", leaf.manifest_root)] if leaf.manifest_root else []
        for each in files[:8]:
            digests += [(f"SHA-256 {each.path}", each.sha256), (f"SM3 {each.path}", each.sm3)]
        identity: Mapping[str, Any] = disclosed.identity if disclosed else {}
        labels = {"authors": "作者 Authors", "holders": "权利人 Holders"}
        return CertificateFacts(
            code=record.code,
            title=str(record.details.get("title") or record.resource_code or record.code),
            registration_id=str(record.id),
            claimed_at=datetime.fromisoformat(leaf.claimed_at),
            index=chosen.proof.index,
            size=checkpoint.size,
            origin=checkpoint.origin,
            root=checkpoint.root.hex(),
            digests=digests,
            names=[(label, "、".join(identity[n])) for n, label in labels.items() if n in identity],
            witnesses=len(cosigned),
            stamps=[each.authority for each in stamps],
            address=f"{self._public_origin}/copyright/v/{record.code}",
        )


async def _logged(log: LogStore, entry: bytes, index: int, provable: Provable) -> LoggedEvent:
    notes = (Note.parse(provable.note), Note.parse(provable.sm3_note))
    return LoggedEvent(
        entry,
        await _proof(log, SHA256, index, provable.size, notes[0]),
        await _proof(log, SM3, index, provable.size, notes[1]),
    )


async def _proof(log: LogStore, tree_hash: TreeHash, index: int, size: int, note: Note) -> LogProof:
    plan = plan_inclusion(index, size)
    hashes = plan.build(tree_hash, await log.tiles(tree_hash, plan.tiles()))
    return LogProof(index, tuple(hashes), note)


def _described(history: Sequence[LoggedEvent]) -> int:
    """The place of the event that describes the work as it is now."""
    kinds = [Leaf.parse(each.entry).type for each in history]
    return max((n for n, kind in enumerate(kinds) if kind in DESCRIBES_WORK), default=0)


def _disclosed(
    caller: Principal | None, parties: Sequence[Party], registered: Leaf
) -> Party | None:
    return next(
        (
            each
            for each in parties
            if caller is not None
            and each.person == caller.subject
            and each.commitment == registered.subject_commitment
        ),
        None,
    )


def _receipts(deposited: Sequence[Deposit], chosen: LoggedEvent) -> Sequence[Receipt]:
    """The receipts for the work as the record describes it."""
    leaf = Leaf.parse(chosen.entry)
    digest = leaf.digests["sha256"] if leaf.digests else leaf.manifest_root
    return [
        Receipt(each.platform, each.digest.hex(), each.receipt)
        for each in deposited
        if each.receipt is not None and each.digest.hex() == digest
    ]


def _policy_named(history: Sequence[LoggedEvent]) -> str | None:
    """The licence named last."""
    leaves = [Leaf.parse(each.entry) for each in reversed(history)]
    named = (each.rights_policy_sha256 for each in leaves if each.type in OFFERS_LICENCE)
    return next((each for each in named if each), None)
