"""A database older than the public log: what it lost comes back from the public entry bundles.

Nothing is taken that contradicts a signed root of either log. What stands in the database and not
in the public log is kept only as long as it does not contradict it. What the log only commits to,
words, titles, names and the salts that hide them, does not come back: whoever has an evidence
bundle shows it (see `application.disclosing`).
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.copyright.application.consequences import (
    DISPUTES,
    Deadline,
    DeadlineStore,
    Periods,
)
from services.copyright.application.log_ports import (
    TREES,
    Entry,
    LogBehind,
    LogStore,
    PublicFiles,
    Published,
    Signer,
)
from services.copyright.application.log_publishing import FOLDERS
from services.copyright.application.log_sequencing import append
from services.copyright.application.log_witnessing import Witnessing
from services.copyright.domain.entries import dedup, dedup_of
from services.copyright.domain.licences import TEMPLATES
from services.copyright.domain.tree import Edge, grow
from services.copyright.verify.events import fold
from services.copyright.verify.leaf import Leaf, LeafMalformed, event_hash
from services.copyright.verify.logged import SM3_ORIGIN
from services.copyright.verify.merkle import SHA256, SM3, TreeHash, sha256
from services.copyright.verify.monitor import CHECKPOINT_PATH
from services.copyright.verify.notes import Checkpoint, Note, NoteMalformed, verify_note
from services.copyright.verify.tiles import TILE_WIDTH, EntryBundle, bundles_of, decode_entries
from shared.database import UnitOfWork

_BATCH = 1024
_LONG_AGO = datetime.fromtimestamp(0, UTC)
"""So that what was recovered is at once signed, witnessed and time-stamped again."""


class RecoveredStore(Protocol):
    """The registrations' tables, as recovery needs them."""

    async def take_back(self, leaf: Leaf, dedup: bytes, body: bytes) -> int:
        """Make a logged event part of its registration again, which is made where it is lost too;
        how many events were dropped that had stood in its place and were never logged."""

    async def events(self, registration_id: UUID) -> Sequence[bytes]:
        """Its events, first to last."""

    async def add_policy(self, sha256: str, template: str, document: bytes) -> None:
        """Keep a licence's policy."""


@dataclass(frozen=True)
class Recovery:
    """What was done: entries brought back, of which the last `unsigned` no checkpoint covers yet,
    and events dropped that the public log contradicts."""

    entries: int
    unsigned: int
    dropped: int


class Recoverer:
    """Works while the service is stopped, or halted by `LogBehind`."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        log: Callable[[AsyncConnection], LogStore],
        registrations: Callable[[AsyncConnection], RecoveredStore],
        deadlines: Callable[[AsyncConnection], DeadlineStore],
        files: PublicFiles,
        signer: Signer,
        witnessing: Witnessing,
        origin: str,
        periods: Periods,
    ) -> None:
        self._new_uow = new_uow
        self._log = log
        self._registrations = registrations
        self._deadlines = deadlines
        self._periods = periods
        self._files = files
        self._signer = signer
        self._witnessing = witnessing
        self._origins = (origin, origin + SM3_ORIGIN)

    async def recover(self) -> Recovery:
        """Bring the database up to all that is public, in one transaction: up to the newest
        checkpoint that the public file, a witness or the signer has, and what was public beyond it
        when the log stopped.

        Raises `LogBehind` where the public files do not make up the signed roots, or where the
        database has another history: then the log stays as it is, for a person to look at. Raises
        `SignatureInvalid` for a checkpoint that our keys did not sign, and `Unavailable`.
        """
        signed = [await self._signed(*each) for each in zip(TREES, self._origins, strict=True)]
        newest = [max(notes, key=_size) for notes in signed]
        size = max(map(_size, newest))
        bodies = await self._public_entries(size)
        for tree_hash, notes in zip(TREES, signed, strict=True):
            for tree in (Checkpoint.parse(note.text) for note in notes):
                if _root(tree_hash, bodies[: tree.size]) != tree.root:
                    raise LogBehind(f"the public entries do not make up {tree.origin} {tree.size}")
        bodies += await self._beyond(bodies)
        async with self._new_uow() as uow:
            log = self._log(uow.connection)
            own = await log.size_locked()
            await self._require_beginning(log, own, bodies)
            dropped = 0
            for start in range(own, len(bodies), _BATCH):
                entries = _entries(start, bodies[start : start + _BATCH])
                dropped += await self._take_back(uow, entries)
                await append(log, start, entries)
            for note in newest:
                tree = Checkpoint.parse(note.text)
                stored = Published(tree.origin, tree.size, tree.root, bytes(note), _LONG_AGO)
                if own < tree.size:
                    await log.store_signed(stored)
            unsigned = len(bodies) - max(size, own)
            done = Recovery(max(0, len(bodies) - own), max(0, unsigned), dropped)
            uow.audit.record("log.recovered", "log", entries=done.entries, dropped=dropped)
            return await uow.commit(done)

    async def _signed(self, tree_hash: TreeHash, origin: str) -> list[Note]:
        """The notes that tell how far the log is signed: that in the public file, unless only half
        of it was kept, those the witnesses saw, and the signer's own last one."""
        keys = [key for key in await self._signer.keys() if key.name == origin]
        notes = [n for n in await self._signer.notes() if n.text.startswith(f"{origin}\n")]
        data = await self._files.read(f"{FOLDERS[tree_hash.name]}/{CHECKPOINT_PATH}")
        if data is not None:
            with suppress(NoteMalformed):
                notes.append(Note.parse(data))
        for note in notes:
            verify_note(note, keys)
        notes += await self._witnessing.seen(origin, keys)
        if not notes:
            raise LogBehind(f"nobody has a checkpoint of {origin} to recover from")
        return notes

    async def _public_entries(self, size: int) -> list[bytes]:
        bodies: list[bytes] = []
        for bundle in bundles_of(size):
            data = await self._read(bundle)
            if data is None:
                raise LogBehind(f"{bundle.path} is not public")
            bodies += decode_entries(data)
        return bodies

    async def _beyond(self, bodies: Sequence[bytes]) -> list[bytes]:
        """The entries behind `bodies` that stand in the public bundles. They were made public to be
        signed, and their files never change: other entries could not take their places."""
        found = list(bodies)
        more = True
        while more:
            number, within = divmod(len(found), TILE_WIDTH)
            more = False
            for width in range(TILE_WIDTH, within, -1):
                data = await self._read(EntryBundle(number, width))
                if data is None:
                    continue
                entries = decode_entries(data)
                if len(entries) != width or entries[:within] != found[len(found) - within :]:
                    raise LogBehind(f"{EntryBundle(number, width).path} is of another history")
                found += entries[within:]
                more = width == TILE_WIDTH
                break
        return found[len(bodies) :]

    async def _read(self, bundle: EntryBundle) -> bytes | None:
        return await self._files.read(f"{FOLDERS['sha256']}/{bundle.path}")

    async def _require_beginning(self, log: LogStore, own: int, bodies: Sequence[bytes]) -> None:
        common = min(own, len(bodies))
        for bundle in bundles_of(common):
            first = bundle.number * TILE_WIDTH
            if decode_entries(await log.bundle(bundle)) != bodies[first : first + bundle.width]:
                raise LogBehind(f"the database has other entries from {first} on")

    async def _take_back(self, uow: UnitOfWork, entries: Sequence[Entry]) -> int:
        store, dropped = self._registrations(uow.connection), 0
        for each in entries:
            try:
                leaf = Leaf.parse(each.body)
            except LeafMalformed:
                continue
            dropped += await store.take_back(leaf, each.dedup, each.body)
            await self._follow(uow, leaf, event_hash(each.body))
        return dropped

    async def _follow(self, uow: UnitOfWork, leaf: Leaf, event: str) -> None:
        """Bring back what can be told from an event alone: a public licence's policy, since its
        bytes follow from the registration, and what a dispute waits for."""
        store, registration = self._registrations(uow.connection), UUID(leaf.reg_id)
        if (digest := leaf.rights_policy_sha256) is not None:
            for template in (each for each in TEMPLATES.values() if not each.teaching):
                document = template.policy(leaf.reg_id)
                if sha256(document).hex() == digest:
                    await store.add_policy(digest, template.code, document)
        if leaf.type.startswith(DISPUTES):
            deadlines = self._deadlines(uow.connection)
            await deadlines.met(registration)
            standing = fold(await store.events(registration)).standing
            for kind, at in self._periods.due(standing, leaf).items():
                await deadlines.add(Deadline(event, kind, registration, at))


def _size(note: Note) -> int:
    return Checkpoint.parse(note.text).size


def _entries(start: int, bodies: Sequence[bytes]) -> list[Entry]:
    return [
        Entry(start + place, _dedup(body), body, SHA256.leaf(body), SM3.leaf(body))
        for place, body in enumerate(bodies)
    ]


def _dedup(body: bytes) -> bytes:
    try:
        return dedup_of(Leaf.parse(body), body)
    except LeafMalformed:
        return dedup("recovered", "", body)


def _root(tree_hash: TreeHash, bodies: Sequence[bytes]) -> bytes:
    leaves = [tree_hash.leaf(body) for body in bodies]
    return grow(tree_hash, Edge(0, ()), leaves).edge.root(tree_hash)
