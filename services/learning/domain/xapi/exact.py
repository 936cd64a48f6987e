"""JSON that loses nothing: whole numbers of any length, and no member that stands twice.

RFC 8259 §4 and §6 leave both to the reader, and xAPI tells statements exactly as they came (1.0.3
part 3 §2.1.3). What no double can hold, halves of surrogate pairs and NaN are refused.
"""

import json
import re
from typing import Any

import orjson

_DIGITS = bytes(ord("0" if chr(each) in "0123456789" else " ") for each in range(256))
_LONG = b"0" * 19
"""Digits that 64 bits may not hold, once every digit is 0: a regular expression takes longer than
the reading itself."""
_TOO_DEEP = "it is nested too deep"
_ESCAPED_COLON = re.compile(rb"\\u003[aA]")


def loads(content: bytes) -> Any:
    """The value that `content` says, whole numbers exactly. Raises ValueError."""
    found = orjson.loads(content)
    try:
        return json.loads(content) if _LONG in content.translate(_DIGITS) else found
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None


def loads_once(content: bytes) -> Any:
    """The same, unless a member stands twice in an object: then ValueError is raised."""
    found = loads(content)
    # Where every member stands once, what is written of it again has as many colons.
    if _ESCAPED_COLON.search(content) or dumps(found).count(b":") != content.count(b":"):
        json.loads(content, object_pairs_hook=_once)
    return found


def dumps(value: Any, *, sort: bool = False) -> bytes:
    """`value` as JSON in UTF-8 without blanks; with `sort`, members by name. Raises ValueError for
    what is nested some hundreds deep."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS if sort else None)
    except TypeError:  # a number beyond 64 bits
        pass
    try:
        told = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=sort)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    return told.encode()


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        names = [name for name, _ in members]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the member {twice[:100]!r} stands twice")
    return found
