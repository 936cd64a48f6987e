"""The growing side of the log: entries appended to a tree of which only the right edge is known.

The edge is the partial tile of each level, the very rows the store keeps, so nothing else has to
survive a crash for the next batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.copyright.verify.merkle import TreeHash, perfect_root
from services.copyright.verify.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Tile,
    edge_root,
    hashes_at,
    split_hashes,
    tile_in,
)


def edge_tiles(size: int) -> list[Tile]:
    """The partial tiles that `grow` needs of a tree of `size`: one a level, none where it is full.

    Read them from the store and give their bytes to `Edge.of`.
    """
    found = []
    level = 0
    while count := hashes_at(level, size):
        if width := count % TILE_WIDTH:
            found.append(Tile(level, count // TILE_WIDTH, width))
        level += 1
    return found


@dataclass(frozen=True)
class Edge:
    """The right edge of a tree of `size` entries: `levels[n]` are the hashes of level n's
    partial tile, empty where that level's last tile is full."""

    size: int
    levels: tuple[tuple[bytes, ...], ...]

    @classmethod
    def of(cls, size: int, tiles: Mapping[Tile, bytes]) -> "Edge":
        """The edge out of the bytes of `edge_tiles(size)`.

        Raises `KeyError` for a tile that is not given, `TileMalformed` for one too short.
        """
        height = (size.bit_length() + TILE_HEIGHT - 1) // TILE_HEIGHT
        levels: list[tuple[bytes, ...]] = [()] * height
        for tile in edge_tiles(size):
            levels[tile.level] = tuple(split_hashes(tiles[tile], tile.width))
        return cls(size, tuple(levels))

    def root(self, tree_hash: TreeHash) -> bytes:
        """The root hash of the tree."""
        return edge_root(tree_hash, self.levels)


@dataclass(frozen=True)
class Growth:
    """What a batch adds: the tiles to write (full ones, and each level's last partial one) and the
    edge to go on from."""

    tiles: Mapping[Tile, bytes]
    edge: Edge


def grow(tree_hash: TreeHash, edge: Edge, leaf_hashes: Sequence[bytes]) -> Growth:
    """Append a batch of leaf hashes to the tree that ends in `edge`."""
    size = edge.size + len(leaf_hashes)
    tiles: dict[Tile, bytes] = {}
    levels: list[tuple[bytes, ...]] = []
    added = list(leaf_hashes)
    level = 0
    while added or level < len(edge.levels):
        before = edge.levels[level] if level < len(edge.levels) else ()
        hashes = [*before, *added]
        first = hashes_at(level, edge.size) // TILE_WIDTH
        full = len(hashes) // TILE_WIDTH
        # A level that nothing joined has its tile in the store already.
        written = range((len(hashes) + TILE_WIDTH - 1) // TILE_WIDTH) if added else ()
        for offset in written:
            part = hashes[offset * TILE_WIDTH : (offset + 1) * TILE_WIDTH]
            tiles[tile_in(level, first + offset, size)] = b"".join(part)
        added = [
            perfect_root(tree_hash, hashes[i * TILE_WIDTH : (i + 1) * TILE_WIDTH])
            for i in range(full)
        ]
        levels.append(tuple(hashes[full * TILE_WIDTH :]))
        level += 1
    return Growth(tiles, Edge(size, tuple(levels)))


def trimmed(tile: bytes, width: int) -> bytes:
    """The first `width` hashes of a tile's bytes: the partial tile of a smaller tree."""
    return b"".join(split_hashes(tile, width))
