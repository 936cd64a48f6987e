import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.copyright.domain.tree import Edge, edge_tiles, grow, trimmed
from services.copyright.verify.merkle import SHA256, tree_root
from services.copyright.verify.tiles import (
    EntryBundle,
    Tile,
    TileMalformed,
    bundle_in,
    bundles_of,
    decode_entries,
    encode_entries,
    split_hashes,
    tile_in,
    tiles_of,
)


def hashes(count: int) -> list[bytes]:
    return [SHA256.leaf(n.to_bytes(4, "big")) for n in range(count)]


@pytest.mark.parametrize(
    ("place", "path"),
    [
        (Tile(0, 0, 256), "tile/0/000"),
        (Tile(0, 1234067, 256), "tile/0/x001/x234/067"),
        (Tile(1, 0, 7), "tile/1/000.p/7"),
        (Tile(2, 1000, 255), "tile/2/x001/000.p/255"),
        (EntryBundle(5, 256), "tile/entries/005"),
        (EntryBundle(1001, 3), "tile/entries/x001/001.p/3"),
    ],
)
def test_paths_are_those_of_the_standard(place: Tile | EntryBundle, path: str) -> None:
    assert place.path == path


def test_a_full_lowest_tile_is_one_hash_of_the_next_level() -> None:
    assert list(tiles_of(256)) == [Tile(0, 0, 256), Tile(1, 0, 1)]
    assert list(tiles_of(257)) == [Tile(0, 0, 256), Tile(0, 1, 1), Tile(1, 0, 1)]
    assert list(tiles_of(0)) == []
    assert list(bundles_of(257)) == [EntryBundle(0, 256), EntryBundle(1, 1)]


@settings(deadline=None)
@given(st.integers(0, 70_000), st.integers(0, 3_000))
def test_what_a_batch_adds_is_what_was_not_there_before(since: int, added: int) -> None:
    size = since + added
    assert set(tiles_of(size, since)) == set(tiles_of(size)) - set(tiles_of(since))
    assert set(bundles_of(size, since)) == set(bundles_of(size)) - set(bundles_of(since))


def test_no_tile_lies_beyond_the_size() -> None:
    for level, number, size in [(0, 1, 256), (1, 0, 255), (0, 0, 0)]:
        with pytest.raises(TileMalformed):
            tile_in(level, number, size)
    with pytest.raises(TileMalformed):
        bundle_in(1, 256)


@settings(deadline=None)
@given(st.lists(st.integers(1, 600), min_size=1, max_size=5))
def test_batches_write_the_tiles_that_one_append_writes(batches: list[int]) -> None:
    leaves = hashes(sum(batches))
    store: dict[Tile, bytes] = {}
    size = 0
    for count in batches:
        edge = Edge.of(size, {tile: store[tile] for tile in edge_tiles(size)})
        grown = grow(SHA256, edge, leaves[size : size + count])
        assert set(grown.tiles) == set(tiles_of(size + count, size))
        store |= grown.tiles
        size += count
        assert grown.edge == Edge.of(size, {tile: store[tile] for tile in edge_tiles(size)})
        assert grown.edge.root(SHA256) == tree_root(SHA256, leaves[:size])
    at_once = grow(SHA256, Edge(0, ()), leaves).tiles
    assert {tile: store[tile] for tile in tiles_of(size)} == at_once


def test_a_tree_of_three_levels_grows_by_one_entry() -> None:
    size = 65_536
    full = grow(SHA256, Edge(0, ()), hashes(size))
    assert edge_tiles(size) == [Tile(2, 0, 1)]
    grown = grow(SHA256, full.edge, [SHA256.leaf(b"more")])
    assert set(grown.tiles) == {Tile(0, 256, 1)}
    root = SHA256.node(full.edge.root(SHA256), SHA256.leaf(b"more"))
    assert grown.edge.root(SHA256) == root


def test_an_earlier_partial_tile_is_the_beginning_of_a_later_one() -> None:
    tile = b"".join(hashes(9))
    assert trimmed(tile, 4) == b"".join(hashes(4))
    with pytest.raises(TileMalformed):
        trimmed(tile, 10)
    with pytest.raises(TileMalformed):
        split_hashes(tile[:-1], 8)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=20))
def test_entries_read_back_from_their_bundle(entries: list[bytes]) -> None:
    assert decode_entries(encode_entries(entries)) == entries


def test_lengths_in_a_bundle_are_big_endian() -> None:
    assert encode_entries([b"ab", b""]) == b"\x00\x02ab\x00\x00"


@pytest.mark.parametrize("bundle", [b"\x00", b"\x00\x02a", b"\x00\x01a\x01"])
def test_a_bundle_that_ends_within_an_entry_is_refused(bundle: bytes) -> None:
    with pytest.raises(TileMalformed):
        decode_entries(bundle)


def test_an_entry_too_long_for_its_length_is_refused() -> None:
    with pytest.raises(TileMalformed):
        encode_entries([bytes(65_536)])
