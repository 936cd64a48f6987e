"""Inclusion and consistency proofs built from tiles (RFC 6962 §2.1.1, §2.1.2).

Two steps, so that the tiles may come from anywhere: a plan says which are needed, and `build`
makes the proof of their bytes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from services.copyright.verify.merkle import HASH_SIZE, TreeHash, fold_right, perfect_root
from services.copyright.verify.tiles import TILE_HEIGHT, TILE_WIDTH, Tile, tile_in


class _Span(NamedTuple):
    """The leaves from `start` up to, not including, `end`."""

    start: int
    end: int

    def perfect_parts(self) -> Iterator["_Span"]:
        start = self.start
        while start < self.end:
            width = 1 << ((self.end - start).bit_length() - 1)
            yield _Span(start, start + width)
            start += width


@dataclass(frozen=True)
class Plan:
    """The subtrees whose roots are the proof, in its order, in a tree of `size` entries."""

    size: int
    spans: tuple[_Span, ...]

    def tiles(self) -> set[Tile]:
        """The tiles that `build` needs."""
        return {self._place(part)[0] for span in self.spans for part in span.perfect_parts()}

    def build(self, tree_hash: TreeHash, tiles: Mapping[Tile, bytes]) -> list[bytes]:
        """The proof. Raises `KeyError` for a tile of `tiles()` that is not given."""
        return [
            fold_right(
                tree_hash, [self._root(tree_hash, part, tiles) for part in span.perfect_parts()]
            )
            for span in self.spans
        ]

    def _root(self, tree_hash: TreeHash, part: _Span, tiles: Mapping[Tile, bytes]) -> bytes:
        tile, first, count = self._place(part)
        data = tiles[tile]
        return perfect_root(
            tree_hash,
            [data[i * HASH_SIZE : (i + 1) * HASH_SIZE] for i in range(first, first + count)],
        )

    def _place(self, part: _Span) -> tuple[Tile, int, int]:
        """The tile with a perfect subtree's hashes, the first one's place there, their number."""
        level = ((part.end - part.start).bit_length() - 1) // TILE_HEIGHT
        shift = level * TILE_HEIGHT
        index, first = divmod(part.start >> shift, TILE_WIDTH)
        return tile_in(level, index, self.size), first, (part.end - part.start) >> shift


def plan_inclusion(index: int, size: int) -> Plan:
    """How to prove entry `index` in a tree of `size`. Raises `ValueError` where it has none."""
    if not 0 <= index < size:
        raise ValueError(f"entry {index} is not in a tree of {size}")
    spans = []
    start, end = 0, size
    while end - start > 1:
        middle = _middle(start, end)
        if index < middle:
            spans.append(_Span(middle, end))
            end = middle
        else:
            spans.append(_Span(start, middle))
            start = middle
    return Plan(size, tuple(reversed(spans)))


def plan_consistency(old_size: int, new_size: int) -> Plan:
    """How to prove that the tree of `new_size` continues that of `old_size`.

    Raises `ValueError` for an empty or a larger old tree.
    """
    if not 0 < old_size <= new_size:
        raise ValueError(f"no tree of {new_size} can be shown to continue one of {old_size}")
    spans = []
    start, end = 0, new_size
    while end != old_size:
        middle = _middle(start, end)
        if old_size <= middle:
            spans.append(_Span(middle, end))
            end = middle
        else:
            spans.append(_Span(start, middle))
            start = middle
    if start:  # else the old tree is itself a subtree, whose root the verifier has
        spans.append(_Span(start, end))
    return Plan(new_size, tuple(reversed(spans)))


def _middle(start: int, end: int) -> int:
    """Where RFC 6962 §2.1 splits: behind the largest power of two below the width."""
    return start + (1 << ((end - start - 1).bit_length() - 1))
