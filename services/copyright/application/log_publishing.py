"""Phases 3 and 4 of writing: files first, then the signature over them, then the checkpoint.

Nothing is signed that was not read back from where the public reads it; nothing older than what the
public or a witness has seen is ever signed.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services.copyright.application.log_ports import (
    TREES,
    LogBehind,
    LogStore,
    PublicFiles,
    Published,
    Signer,
    SigningRefused,
    Witness,
)
from services.copyright.application.log_witnessing import Quorum, Witnessing
from services.copyright.domain.proofs import plan_consistency
from services.copyright.verify.logged import SM3_ORIGIN
from services.copyright.verify.merkle import ProofInvalid, TreeHash, verify_consistency
from services.copyright.verify.notes import Checkpoint, Note, NoteMalformed
from services.copyright.verify.tiles import bundles_of, tiles_of
from shared.clock import Clock
from shared.database import UnitOfWork

FOLDERS: Mapping[str, str] = {"sha256": "log", "sm3": "log-sm3"}
"""Where each tree's files lie; the entries lie in the first, for both."""


class Publisher:
    """Brings what is sequenced before the public. One at a time, whoever else tries."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        store: Callable[[AsyncConnection], LogStore],
        files: PublicFiles,
        signer: Signer,
        witnesses: Sequence[Witness],
        clock: Clock,
        *,
        origin: str,
        quorum: int,
        refresh: timedelta,
    ) -> None:
        self._new_uow = new_uow
        self._store = store
        self._files = files
        self._signer = signer
        self._clock = clock
        self._refresh = refresh
        self.origins = (origin, origin + SM3_ORIGIN)
        self.witnessing = Witnessing(witnesses, Quorum(quorum))

    async def guard(self) -> None:
        """Raises `LogBehind` where the public has seen more than the database holds, or another
        tree; then nothing may be sequenced either. Raises `Unavailable`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            size = await store.size()
            for tree_hash, origin in zip(TREES, self.origins, strict=True):
                await self._require_continuation(store, tree_hash, origin, size)

    async def publish(self) -> bool:
        """Publish up to the present size, or sign it again when the checkpoint has grown old;
        whether there was anything to do.

        Raises `LogBehind`, `PublicFileDiffers`, `ForkRefused`, `SigningRefused`, `Unavailable`.
        """
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            before = await store.hold_published(self.origins)
            size = await store.size()
            if before is None or not self._is_due(before, size):
                return False
            for tree_hash, origin in zip(TREES, self.origins, strict=True):
                await self._require_continuation(store, tree_hash, origin, size)
            await self._publish_files(store, _published_size(before, self.origins), size)
            signed = [
                await self._signed(store, tree_hash, origin, size)
                for tree_hash, origin in zip(TREES, self.origins, strict=True)
            ]
            for each in signed:
                await store.store_signed(each)
            await uow.commit()
        await self._witness(signed)
        await self.serve_checkpoints()
        return True

    async def serve_checkpoints(self) -> None:
        """Put the newest stored notes where the public reads them: also after a crash between the
        commit and this. The rows are held, so that nothing older comes last; a checkpoint that is
        public already and newer than they are stays. Raises `LogBehind` for another tree of the
        same size, `Unavailable`."""
        async with self._new_uow() as uow:
            store = self._store(uow.connection)
            held = await store.hold_published(self.origins) or {}
            for tree_hash, origin in zip(TREES, self.origins, strict=True):
                if origin in held:
                    await self._serve(f"{FOLDERS[tree_hash.name]}/checkpoint", held[origin])

    async def _serve(self, path: str, held: Published) -> None:
        data = await self._files.read(path)
        public = _whole(data)
        if public is not None and public.size > held.size:
            return
        if public is not None and public.size == held.size and public.root != held.root:
            raise LogBehind(f"{held.origin}: another tree of {held.size} entries is public")
        if data != held.note:
            await self._files.replace(path, held.note)

    def _is_due(self, before: Mapping[str, Published], size: int) -> bool:
        if any(origin not in before or before[origin].size < size for origin in self.origins):
            return True
        oldest = min(each.signed_at for each in before.values())
        return oldest + self._refresh <= self._clock()

    async def _require_continuation(
        self, store: LogStore, tree_hash: TreeHash, origin: str, size: int
    ) -> None:
        public = _whole(await self._files.read(f"{FOLDERS[tree_hash.name]}/checkpoint"))
        if public is not None:
            # Before the signer is asked, which may be out of reach.
            await _require_same(store, tree_hash, public, origin, size)
        for note in await self.witnessing.seen(origin, await self._signer.keys()):
            await _require_same(store, tree_hash, Checkpoint.parse(note.text), origin, size)
        if await self._signer.last_size(origin) > size:
            raise LogBehind(f"the signer has signed more of {origin} than {size} entries")

    async def _publish_files(self, store: LogStore, since: int, size: int) -> None:
        files: dict[str, bytes] = {}
        for tree_hash in TREES:
            wanted = list(tiles_of(size, since))
            data = await store.tiles(tree_hash, wanted)
            folder = FOLDERS[tree_hash.name]
            files |= {f"{folder}/{tile.path}": data[tile] for tile in wanted}
        for bundle in bundles_of(size, since):
            files[f"{FOLDERS['sha256']}/{bundle.path}"] = await store.bundle(bundle)
        puts = [self._files.put_once(path, content) for path, content in files.items()]
        # All are awaited, so that none is still writing when the phase is tried again.
        for outcome in await asyncio.gather(*puts, return_exceptions=True):
            if outcome is not None:
                raise outcome

    async def _signed(
        self, store: LogStore, tree_hash: TreeHash, origin: str, size: int
    ) -> Published:
        root = (await store.edge(tree_hash, size)).root(tree_hash)
        checkpoint = Checkpoint(origin, size, root)
        now, keys = self._clock(), await self._signer.keys()
        known = await store.note_first_keys(keys, now)
        if not any(str(key) in known for key in keys if key.name == origin):
            raise SigningRefused(f"no key of {origin} that was told of signs: run rotate-keys")
        old_size = await self._signer.last_size(origin)
        proof = await consistency(store, tree_hash, old_size, size)
        signatures = await self._signer.sign(checkpoint, old_size, proof)
        note = Note(str(checkpoint), tuple(signatures))
        return Published(origin, size, root, bytes(note), now)

    async def _witness(self, signed: Sequence[Published]) -> None:
        for tree_hash, each in zip(TREES, signed, strict=True):
            async with self._new_uow() as uow:
                store = self._store(uow.connection)

                async def prove(
                    old_size: int,
                    store: LogStore = store,
                    tree_hash: TreeHash = tree_hash,
                    size: int = each.size,
                ) -> list[bytes]:
                    return await consistency(store, tree_hash, old_size, size)

                note, enough = await self.witnessing.cosigned(Note.parse(each.note), prove)
                await store.store_witnessed(each.origin, each.size, note, quorum=enough)
                await uow.commit()


async def consistency(
    store: LogStore, tree_hash: TreeHash, old_size: int, size: int
) -> list[bytes]:
    """The proof that the tree of `size` continues that of `old_size`; empty from an empty one."""
    if old_size == 0:
        return []
    if old_size > size:
        raise LogBehind(f"{old_size} entries were seen, and there are {size}")
    plan = plan_consistency(old_size, size)
    return plan.build(tree_hash, await store.tiles(tree_hash, plan.tiles()))


def _whole(data: bytes | None) -> Checkpoint | None:
    """The checkpoint in a public file; None where there is none, or half of it: an object store
    that was killed while it was written over may have kept no more."""
    try:
        return None if data is None else Checkpoint.parse(Note.parse(data).text)
    except NoteMalformed:
        return None


async def _require_same(
    store: LogStore, tree_hash: TreeHash, public: Checkpoint, origin: str, size: int
) -> None:
    if public.origin != origin:
        raise LogBehind(f"{public.origin} stands where {origin} should")
    if public.size > size:
        raise LogBehind(f"{origin} is public up to {public.size}, here up to {size}")
    if public.size == 0:
        return
    root = (await store.edge(tree_hash, size)).root(tree_hash)
    proof = await consistency(store, tree_hash, public.size, size)
    try:
        verify_consistency(tree_hash, public.size, size, public.root, root, proof)
    except ProofInvalid as reason:
        raise LogBehind(f"{public.origin}: the public tree is another one, {reason}") from None


def _published_size(before: Mapping[str, Published], origins: Sequence[str]) -> int:
    return min((before[o].size if o in before else 0) for o in origins)
