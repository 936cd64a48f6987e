"""Where a log's tiles and entry bundles lie, and what is in them (C2SP tlog-tiles)."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from services.copyright.verify.merkle import (
    HASH_SIZE,
    TreeHash,
    fold_right,
    perfect_roots,
)

TILE_WIDTH = 256
TILE_HEIGHT = 8
MAX_ENTRY_SIZE = 0xFFFF


class TileMalformed(ValueError):
    """A tile or an entry bundle is not what its path and the log's size promise."""


class Tile(NamedTuple):
    """`width` hashes of tree level 8·`level`, beginning with number 256·`number`."""

    level: int
    number: int
    width: int

    @property
    def path(self) -> str:
        return f"tile/{self.level}/{_numbered(self.number, self.width)}"


class EntryBundle(NamedTuple):
    """`width` entries, beginning with number 256·`number`."""

    number: int
    width: int

    @property
    def path(self) -> str:
        return f"tile/entries/{_numbered(self.number, self.width)}"


def _numbered(number: int, width: int) -> str:
    groups = [f"{number % 1000:03d}"]
    while number := number // 1000:
        groups.append(f"x{number % 1000:03d}")
    path = "/".join(reversed(groups))
    return path if width == TILE_WIDTH else f"{path}.p/{width}"


def hashes_at(level: int, size: int) -> int:
    """How many hashes tile level `level` holds in a log of `size` entries."""
    return size >> (TILE_HEIGHT * level)


def tile_in(level: int, number: int, size: int) -> Tile:
    """The tile as a log of `size` entries has it. Raises `TileMalformed` where it has none."""
    return Tile(level, number, _width(hashes_at(level, size), number))


def bundle_in(number: int, size: int) -> EntryBundle:
    """The entry bundle as a log of `size` has it. Raises `TileMalformed` where it has none."""
    return EntryBundle(number, _width(size, number))


def _width(count: int, number: int) -> int:
    width = min(TILE_WIDTH, count - TILE_WIDTH * number)
    if width <= 0:
        raise TileMalformed(f"a log of this size has no tile {number} there")
    return width


def tiles_of(size: int, since: int = 0) -> Iterator[Tile]:
    """Every tile of a log of `size` entries, the partial one of each level included, but those
    that it had with `since` entries."""
    level = 0
    while count := hashes_at(level, size):
        for number in _numbers(hashes_at(level, since), count):
            yield tile_in(level, number, size)
        level += 1


def bundles_of(size: int, since: int = 0) -> Iterator[EntryBundle]:
    """Every entry bundle of a log of `size` entries, but those that it had with `since`."""
    for number in _numbers(since, size):
        yield bundle_in(number, size)


def _numbers(before: int, count: int) -> range:
    end = (count + TILE_WIDTH - 1) // TILE_WIDTH
    return range(before // TILE_WIDTH if count > before else end, end)


def split_hashes(tile: bytes, width: int) -> list[bytes]:
    """The first `width` hashes of a tile's bytes. Raises `TileMalformed` where it has fewer."""
    if len(tile) % HASH_SIZE or len(tile) < width * HASH_SIZE:
        raise TileMalformed(f"a tile of {len(tile)} bytes does not hold {width} hashes")
    return [tile[i : i + HASH_SIZE] for i in range(0, width * HASH_SIZE, HASH_SIZE)]


def encode_entries(entries: Sequence[bytes]) -> bytes:
    """An entry bundle: each entry behind its big-endian uint16 length."""
    for each in entries:
        if len(each) > MAX_ENTRY_SIZE:
            raise TileMalformed(f"an entry of {len(each)} bytes is over {MAX_ENTRY_SIZE}")
    return b"".join(len(each).to_bytes(2, "big") + each for each in entries)


def decode_entries(bundle: bytes) -> list[bytes]:
    """The entries of a bundle. Raises `TileMalformed` where it ends within one."""
    entries = []
    at = 0
    while at < len(bundle):
        start = at + 2
        at = start + int.from_bytes(bundle[at:start], "big")
        if at > len(bundle) or start > len(bundle):
            raise TileMalformed("the entry bundle ends within an entry")
        entries.append(bundle[start:at])
    return entries


def edge_root(tree_hash: TreeHash, edge: Sequence[Sequence[bytes]]) -> bytes:
    """The root of a log given the hashes of its partial tile of each level, lowest first.

    Full tiles do not count: the level above has their roots.
    """
    roots = [root for level in reversed(edge) for root in perfect_roots(tree_hash, level)]
    return fold_right(tree_hash, roots) if roots else tree_hash.empty()
