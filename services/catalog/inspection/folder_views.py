"""`.DS_Store`: how a Mac showed a folder. A tree of records in blocks of a buddy allocator.

Apple has not published the format; this is as `ds_store` for Python describes it, version 1.3.
"""

from collections.abc import Iterator
from struct import Struct
from typing import Final

from services.catalog.inspection.formats import smuggled

_HEAD = Struct(">I4sIII")
_BEFORE = 4
"""Addresses are counted from behind the first four bytes."""
_TREE = Struct(">IIIII")
_NODE = Struct(">II")
_LONG = Struct(">I")
_TREE_NAME: Final = b"DSDB"
_TABLE = 256
_FIXED: Final = {b"bool": 1, b"long": 4, b"shor": 4, b"type": 4, b"comp": 8, b"dutc": 8}
_COUNTED: Final = {b"blob": 1, b"ustr": 2}
_MOST_NODES = 4096


def is_one(content: bytes) -> bool:
    """Raises `struct.error`, `IndexError` or `ValueError` for what is none."""
    one, magic, root, size, again = _HEAD.unpack_from(content)
    if (one, magic, root) != (1, b"Bud1", again):
        return False
    blocks, names = _allocated(content[_BEFORE + root : _BEFORE + root + size])
    places = [(each & ~0x1F, 1 << (each & 0x1F)) for each in blocks]
    reached = 0
    for begin, length in sorted({*places, (root, size)}):
        if begin < reached:
            return False
        reached = begin + length
    if set(names) != {_TREE_NAME} or content[_BEFORE + reached :].strip(b"\0"):
        return False

    def block(number: int) -> bytes:
        begin, length = places[number]
        return content[_BEFORE + begin :][:length]

    first, *_ = _TREE.unpack_from(block(names[_TREE_NAME]))
    waiting, seen = [first], 0
    while waiting:
        seen += 1
        if seen > _MOST_NODES:
            return False
        node = block(waiting.pop())
        last, count = _NODE.unpack_from(node)
        children = list(_children(node, count, inner=bool(last)))
        waiting += [*children, last] if last else []
    return True


def _allocated(root: bytes) -> tuple[list[int], dict[bytes, int]]:
    """The addresses of the blocks, and the trees by name."""
    count = _LONG.unpack_from(root)[0]
    if count > _TABLE * 64:
        raise ValueError("too many blocks")
    at = 8
    blocks = [_LONG.unpack_from(root, at + 4 * each)[0] for each in range(count)]
    at += 4 * -(-count // _TABLE) * _TABLE
    names = {}
    trees = _LONG.unpack_from(root, at)[0]
    at += 4
    for _ in range(min(trees, _TABLE)):
        length = root[at]
        names[root[at + 1 : at + 1 + length]] = _LONG.unpack_from(root, at + 1 + length)[0]
        at += 5 + length
    return blocks, names


def _children(node: bytes, count: int, *, inner: bool) -> Iterator[int]:
    """The nodes before each record of an inner one. Raises `ValueError` where a record is none, or
    holds a program."""
    at = _NODE.size
    for _ in range(count):
        if inner:
            yield _LONG.unpack_from(node, at)[0]
            at += 4
        at += 4 + 2 * _LONG.unpack_from(node, at)[0]
        kind = node[at + 4 : at + 8]
        at += 8
        if kind in _COUNTED:
            length = _COUNTED[kind] * _LONG.unpack_from(node, at)[0]
            at += 4
        else:
            length = _FIXED.get(kind, len(node))
        if at + length > len(node) or smuggled(node[at : at + length]):
            raise ValueError("no record of a folder's view")
        at += length
