"""Canonical JSON (RFC 8785) for values without fractions, and commitments over it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from services.copyright.verify.merkle import SHA256, sha256, tree_root

SALT_SIZE = 32
_MAX_INTEGER = (1 << 53) - 1  # RFC 8785 §3.2.2.3: above it, doubles skip integers


class NotCanonical(ValueError):
    """The value or text has no canonical form here; the message says why."""


def canonical(value: Any) -> bytes:
    """The one text of a value of null, booleans, integers, strings, lists and string-keyed
    mappings. Raises `NotCanonical` for anything else."""
    try:
        return _written(value).encode()
    except UnicodeEncodeError:
        raise NotCanonical("half a surrogate pair is no text") from None


def _written(value: Any) -> str:
    match value:
        case None | bool() | str():
            return json.dumps(value, ensure_ascii=False)
        case int() if abs(value) <= _MAX_INTEGER:
            return str(value)
        case list() | tuple():
            return f"[{','.join(map(_written, value))}]"
        case dict() if all(isinstance(key, str) for key in value):
            members = sorted(value.items(), key=lambda member: _utf16(member[0]))
            return f"{{{','.join(f'{_written(k)}:{_written(v)}' for k, v in members)}}}"
        case _:
            raise NotCanonical(f"no canonical form for {type(value).__name__} {value!r:.40}")


def _utf16(key: str) -> bytes:
    """RFC 8785 §3.2.3: members are sorted by the UTF-16 code units of their names."""
    return key.encode("utf-16-be")


def parse_canonical(data: bytes) -> Any:
    """The value of a text that is canonical itself, which also rules out repeated names.

    Raises `NotCanonical`.
    """
    value = parse_json(data)
    if canonical(value) != data:
        raise NotCanonical("the text is not in its canonical form")
    return value


def parse_json(data: bytes) -> Any:
    """The value of any JSON text. Raises `NotCanonical` where it is none."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise NotCanonical("the text is not JSON") from None


def commitment(purpose: str, salt: bytes, data: bytes) -> str:
    """The hex SHA-256 that binds to `data` and hides it until `salt` (32 bytes) is disclosed."""
    if len(salt) != SALT_SIZE:
        raise NotCanonical(f"a salt has {SALT_SIZE} bytes, not {len(salt)}")
    return sha256(f"cr/v1/{purpose}".encode() + salt + data).hex()


def subject_commitment(salt: bytes, identity: Mapping[str, Any]) -> str:
    """The commitment to who acts, as it stands in a leaf.

    One salt for a person within one registration: equal commitments are how anyone sees that the
    holder acts. Another salt elsewhere, so that registrations do not link.
    """
    return commitment("subject", salt, canonical(dict(identity)))


def session_commitment(salt: bytes, session: str) -> str:
    """The commitment to the session in which a party acted, under that party's salt."""
    return commitment("session", salt, session.encode())


def text_commitment(salt: bytes, text: str) -> str:
    """The commitment to a complaint, answer or decision whose words stay out of the log."""
    return commitment("text", salt, text.encode())


def work_commitment(
    salt: bytes, details: Mapping[str, Any], files: Sequence[Mapping[str, Any]]
) -> str:
    """The commitment to all that is told of a work: its title, category, dates, basis and numbers,
    and each of its files with path and digests."""
    told = {"details": dict(details), "files": [dict(each) for each in files]}
    return commitment("work", salt, canonical(told))


def manifest_root(files: list[dict[str, Any]]) -> str:
    """The hex SHA-256 Merkle root over a work's files, each with `path`, `sha256`, `sm3` (hex) and
    `size` (bytes), sorted by path; a leaf is a file's canonical JSON."""
    ordered = sorted(files, key=lambda file: str(file["path"]).encode())
    return tree_root(SHA256, [SHA256.leaf(canonical(file)) for file in ordered]).hex()
