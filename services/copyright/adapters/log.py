"""The log in PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.copyright.application.log_ports import Entry, ForkRefused, Pending, Published
from services.copyright.domain.tree import Edge, edge_tiles, trimmed
from services.copyright.verify.merkle import TreeHash
from services.copyright.verify.notes import Note, VerifierKey
from services.copyright.verify.tiles import TILE_WIDTH, EntryBundle, Tile, encode_entries

_ACCEPT = text(
    "INSERT INTO pending (dedup, body) SELECT :dedup, :body"
    " WHERE NOT EXISTS (SELECT FROM entry WHERE dedup = :dedup) ON CONFLICT (dedup) DO NOTHING"
)
_WAITS = text("SELECT EXISTS (SELECT FROM pending)")
_BEGIN = text("INSERT INTO tree_state (size) VALUES (0) ON CONFLICT DO NOTHING")
_SIZE_LOCKED = text("SELECT size FROM tree_state FOR UPDATE")
_SIZE = text("SELECT coalesce((SELECT size FROM tree_state), 0)")
_DISCARD = text("DELETE FROM pending p USING entry e WHERE e.dedup = p.dedup")
_BASE = text("SELECT coalesce(sum(size), 0) FROM frozen_logs")
_TAKE = text("SELECT id, dedup, body FROM pending ORDER BY id LIMIT :limit")
_APPEND = text(
    "INSERT INTO entry (idx, dedup, body, leaf_sha256, leaf_sm3) SELECT * FROM unnest("
    "CAST(:idx AS bigint[]), CAST(:dedup AS bytea[]), CAST(:body AS bytea[]),"
    " CAST(:leaf_sha256 AS bytea[]), CAST(:leaf_sm3 AS bytea[]))"
)
_REMOVE = text("DELETE FROM pending WHERE dedup = ANY(CAST(:dedup AS bytea[]))")
_PUT_TILES = text(
    "INSERT INTO tile (alg, level, n, hashes) SELECT :alg, * FROM unnest("
    "CAST(:level AS smallint[]), CAST(:n AS bigint[]), CAST(:hashes AS bytea[]))"
    " ON CONFLICT (alg, level, n) DO UPDATE SET hashes = excluded.hashes"
)
_TILES = text(
    "SELECT level, n, hashes FROM tile WHERE alg = :alg AND (level, n) IN"
    " (SELECT * FROM unnest(CAST(:level AS smallint[]), CAST(:n AS bigint[])))"
)
_BODIES = text("SELECT body FROM entry WHERE idx >= :first AND idx < :after ORDER BY idx")
_GROW = text("UPDATE tree_state SET size = :size")
_COLUMNS = "SELECT origin, size, root, note, signed_at FROM published"
_PUBLISHED = text(f"{_COLUMNS} WHERE origin = ANY(:origins)")
_HOLD = text(
    "SELECT pg_try_advisory_xact_lock(hashtextextended('copyright:publish ' || :origin, 0))"
)
_HELD = text(f"{_COLUMNS} WHERE origin = ANY(:origins) ORDER BY origin FOR UPDATE")
_STORE = text(
    "INSERT INTO published (origin, size, root, note, signed_at)"
    " VALUES (:origin, :size, :root, :note, :signed_at) ON CONFLICT (origin) DO UPDATE SET"
    " size = excluded.size, root = excluded.root, note = excluded.note,"
    " signed_at = excluded.signed_at WHERE published.size < excluded.size"
    " OR (published.size = excluded.size AND published.root = excluded.root)"
)
_REMEMBER = text(
    "INSERT INTO checkpoint_history (origin, size, root, note, signed_at, witnessed)"
    " VALUES (:origin, :size, :root, :note, :signed_at, false)"
    " ON CONFLICT (origin, size) DO UPDATE SET note = excluded.note,"
    " signed_at = excluded.signed_at WHERE checkpoint_history.root = excluded.root"
)
_WITNESSED = text(
    "UPDATE checkpoint_history SET note = :note, witnessed = witnessed OR :quorum"
    " WHERE origin = :origin AND size = :size"
)
_NEWEST = text("UPDATE published SET note = :note WHERE origin = :origin AND size = :size")
_NOTE_KEY = text(
    "INSERT INTO log_keys (vkey, valid_from) VALUES (:vkey, :now) ON CONFLICT DO NOTHING"
)
_NOTE_FIRST_KEYS = text(
    "INSERT INTO log_keys (vkey, valid_from) SELECT vkey, :now FROM"
    " unnest(CAST(:vkeys AS text[])) AS n (vkey) WHERE NOT EXISTS (SELECT FROM log_keys k"
    " WHERE split_part(k.vkey, '+', 1) = split_part(n.vkey, '+', 1)) ON CONFLICT DO NOTHING"
)
_KNOWN_KEYS = text("SELECT vkey FROM log_keys WHERE valid_to IS NULL")
_RETIRE_KEY = text(
    "UPDATE log_keys SET valid_to = :now, last_size = :last_size"
    " WHERE vkey = :vkey AND valid_to IS NULL"
)


class LogRepository:
    """`services.copyright.application.log_ports.LogStore`. The entries of frozen logs lie before
    its own: its first is the entry `base` of all."""

    def __init__(self, connection: AsyncConnection, base: int | None = None) -> None:
        self._connection = connection
        self._known_base = base

    async def accept(self, dedup: bytes, body: bytes) -> None:
        await self._connection.execute(_ACCEPT, {"dedup": dedup, "body": body})

    async def waits(self) -> bool:
        waits: bool = (await self._connection.execute(_WAITS)).scalar_one()
        return waits

    async def size_locked(self) -> int:
        await self._connection.execute(_BEGIN)
        size: int = (await self._connection.execute(_SIZE_LOCKED)).scalar_one()
        # Read behind the lock: whoever freezes a log holds it.
        return size - await self._base()

    async def size(self) -> int:
        size: int = (await self._connection.execute(_SIZE)).scalar_one()
        return size - await self._base()

    async def continues(self) -> bool:
        return await self._base() > 0

    def at(self, base: int) -> "LogRepository":
        return LogRepository(self._connection, base)

    async def take(self, limit: int) -> Sequence[Pending]:
        await self._connection.execute(_DISCARD)
        rows = await self._connection.execute(_TAKE, {"limit": limit})
        return [Pending(*row) for row in rows]

    async def append(self, entries: Sequence[Entry]) -> None:
        base = await self._base()
        columns = {
            "idx": [base + each.index for each in entries],
            "dedup": [each.dedup for each in entries],
            "body": [each.body for each in entries],
            "leaf_sha256": [each.leaf_sha256 for each in entries],
            "leaf_sm3": [each.leaf_sm3 for each in entries],
        }
        await self._connection.execute(_APPEND, columns)
        await self._connection.execute(_REMOVE, {"dedup": columns["dedup"]})

    async def edge(self, tree_hash: TreeHash, size: int) -> Edge:
        return Edge.of(size, await self.tiles(tree_hash, edge_tiles(size)))

    async def put_tiles(self, tree_hash: TreeHash, tiles: Mapping[Tile, bytes]) -> None:
        columns = {
            "alg": await self._tree(tree_hash),
            "level": [tile.level for tile in tiles],
            "n": [tile.number for tile in tiles],
            "hashes": list(tiles.values()),
        }
        await self._connection.execute(_PUT_TILES, columns)

    async def tiles(self, tree_hash: TreeHash, tiles: Collection[Tile]) -> dict[Tile, bytes]:
        wanted = {(tile.level, tile.number): tile for tile in tiles}
        columns = {
            "alg": await self._tree(tree_hash),
            "level": [level for level, _ in wanted],
            "n": [number for _, number in wanted],
        }
        found = {}
        for row in await self._connection.execute(_TILES, columns):
            tile = wanted[row.level, row.n]
            found[tile] = trimmed(row.hashes, tile.width)
        return found

    async def bundle(self, bundle: EntryBundle) -> bytes:
        first = await self._base() + bundle.number * TILE_WIDTH
        span = {"first": first, "after": first + bundle.width}
        rows = (await self._connection.execute(_BODIES, span)).scalars().all()
        if len(rows) != bundle.width:
            raise LookupError(f"{bundle.path} has {len(rows)} entries")
        return encode_entries(rows)

    async def grow_to(self, size: int) -> None:
        await self._connection.execute(_GROW, {"size": await self._base() + size})

    async def published(self, origins: Sequence[str]) -> Mapping[str, Published]:
        rows = await self._connection.execute(_PUBLISHED, {"origins": list(origins)})
        return {row.origin: Published(*row) for row in rows}

    async def hold_published(self, origins: Sequence[str]) -> Mapping[str, Published] | None:
        # A lock of its own: before the first checkpoint there is no row to lock.
        if not (await self._connection.execute(_HOLD, {"origin": origins[0]})).scalar_one():
            return None
        rows = await self._connection.execute(_HELD, {"origins": list(origins)})
        return {row.origin: Published(*row) for row in rows}

    async def store_signed(self, signed: Published) -> None:
        row = {name: getattr(signed, name) for name in signed.__dataclass_fields__}
        for statement in (_STORE, _REMEMBER):
            if (await self._connection.execute(statement, row)).rowcount != 1:
                raise ForkRefused(f"{signed.origin} has another checkpoint at or above this size")

    async def store_witnessed(self, origin: str, size: int, note: Note, *, quorum: bool) -> None:
        row = {"origin": origin, "size": size, "note": bytes(note)}
        await self._connection.execute(_WITNESSED, {**row, "quorum": quorum})
        await self._connection.execute(_NEWEST, row)

    async def note_keys(self, keys: Collection[VerifierKey], now: datetime) -> None:
        for key in keys:
            await self._connection.execute(_NOTE_KEY, {"vkey": str(key), "now": now})

    async def note_first_keys(self, keys: Collection[VerifierKey], now: datetime) -> set[str]:
        row = {"vkeys": [str(key) for key in keys], "now": now}
        await self._connection.execute(_NOTE_FIRST_KEYS, row)
        return set(await self._connection.scalars(_KNOWN_KEYS))

    async def retire_key(self, vkey: str, now: datetime, last_size: int) -> None:
        row = {"vkey": vkey, "now": now, "last_size": last_size}
        await self._connection.execute(_RETIRE_KEY, row)

    async def _base(self) -> int:
        if self._known_base is None:
            self._known_base = int((await self._connection.execute(_BASE)).scalar_one())
        return self._known_base

    async def _tree(self, tree_hash: TreeHash) -> str:
        """What the tiles of a tree are kept under."""
        base = await self._base()
        return f"{tree_hash.name}@{base}" if base else tree_hash.name
