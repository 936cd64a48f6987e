"""Evidence bundles, and whom a verifier may believe."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.copyright.application.certificates import certified
from services.copyright.application.deposits import DepositStore
from services.copyright.application.evidence_ports import (
    CertificatePrinter,
    LogKey,
    ProofReads,
    Provable,
)
from services.copyright.application.intake import Logs, Stores
from services.copyright.application.log_ports import LogStore, TimestampAuthority
from services.copyright.application.log_witnessing import Witnessing
from services.copyright.application.views import LogReads, Place
from services.copyright.domain.deposits import Deposit
from services.copyright.domain.evidence import (
    Described,
    Enclosed,
    LoggedEvent,
    Receipt,
    Stamp,
)
from services.copyright.domain.odrl import Policy
from services.copyright.domain.proofs import plan_inclusion
from services.copyright.domain.registrations import NotLoggedYet, Party, Record, WorkFile
from services.copyright.verify.bundle import LEGAL_TEXT, SEAL, SHA256_SUMS, pack
from services.copyright.verify.events import fold
from services.copyright.verify.leaf import (
    DESCRIBES_WORK,
    OFFERS_LICENCE,
    Leaf,
    event_hash,
    parties_of,
)
from services.copyright.verify.merkle import SHA256, SM3, TreeHash, sha256
from services.copyright.verify.notes import Checkpoint, Note, VerifierKey
from services.copyright.verify.proof import LogProof
from services.copyright.verify.seal import SEAL_ORIGIN
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
        known = [VerifierKey.parse(each.vkey) for each in keys if each.valid_to is None]
        today = [each for each in known if not each.name.endswith(SEAL_ORIGIN)]
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
        seal: Callable[[str], Awaitable[bytes]],
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
        self._seal = seal
        self._origin = origin
        self._public_origin = public_origin

    async def bundle(self, registration_id: UUID, caller: Principal | None) -> tuple[str, bytes]:
        """The short code and the ZIP archive; a party's own identity is disclosed to it alone.

        Nothing is told of the work that the log does not commit to. Raises `NotFound`,
        `NotLoggedYet`, and `Unavailable` while the signer cannot seal it.
        """
        keys = await self._trusts.keys()
        policy, witnesses = await self._trusts.policy(keys), await self._trusts.witnesses()
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
            leaves = [Leaf.parse(each.entry) for each in history]
            files = await store.files(registration_id, described)
            told = _told(record, files, leaves[described])
            if told is None:
                record, files = replace(record, details={}), ()
            disclosed = _disclosed(caller, parties, leaves)
            digest = _policy_named(history)
            licence = await store.policy(digest) if digest else None
            deposited = await self._deposits(uow.connection).of(registration_id)
        chosen = history[described]
        facts = certified(
            record,
            chosen,
            history,
            files,
            disclosed,
            stamps,
            ours={VerifierKey.parse(vkey).name for _, vkey, ours in witnesses if ours},
            local={each.name for each in self._trusts.authorities if each.local},
            address=f"{self._public_origin}/copyright/v/{record.code}",
        )
        documents = {**self._documents, "certificate.pdf": await self._printer.print(facts)}
        if licence is not None:
            documents[LEGAL_TEXT] = self._legal_text(Policy.parse(licence).template)
        enclosed = Enclosed(
            record=chosen,
            history=history,
            stamps=[Stamp(each.authority, each.response, each.chain) for each in stamps],
            policy=policy,
            keys=[VerifierKey.parse(each.vkey) for each in keys],
            described=told if leaves[described].work_commitment else None,
            disclosed=(disclosed.identity, disclosed.salt) if disclosed else None,
            manifest=[each.described() for each in files] if len(files) > 1 else None,
            licence=licence,
            receipts=_receipts(deposited, chosen),
            documents=documents,
        )
        members = enclosed.members()
        members[SEAL] = await self._seal(sha256(members[SHA256_SUMS]).hex())
        return record.code, pack(members)

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


def _told(record: Record, files: Sequence[WorkFile], described: Leaf) -> Described | None:
    """What is told of the work; None where what is stored is not what was logged: it was altered,
    or lost and has yet to be disclosed again."""
    if not record.vouched(files, described):
        return None
    return Described(record.details, files, record.details_salt or b"")


def _disclosed(
    caller: Principal | None, parties: Sequence[Party], history: Sequence[Leaf]
) -> Party | None:
    """The caller, where it is one whom the history names by a commitment."""
    named = parties_of(history)
    asked = caller.subject if caller else None
    return next((p for p in parties if p.person == asked and p.commitment in named), None)


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
    """The licence named last that was not withdrawn; else the one that was withdrawn last."""
    entries = [each.entry for each in reversed(history)]
    withdrawn = fold([each.entry for each in history]).revoked_offers
    leaves = [(Leaf.parse(each), event_hash(each) in withdrawn) for each in entries]
    offers = [(leaf, gone) for leaf, gone in leaves if leaf.type in OFFERS_LICENCE]
    named = [(leaf.rights_policy_sha256, gone) for leaf, gone in offers]
    told = sorted((each for each in named if each[0]), key=lambda each: each[1])
    return told[0][0] if told else None
