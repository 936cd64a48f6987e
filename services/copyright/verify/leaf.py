"""An entry of the log: closed fields only, so that nothing personal and no free text gets in."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Self

from services.copyright.verify.canonical import NotCanonical, canonical, parse_canonical
from services.copyright.verify.merkle import SHA256

VERSION = 2
"""Entries of version 1 lack `work_commitment`, and are read as ever."""

MAX_LEAF_SIZE = 4096

Check = Callable[[Any], bool]


class LeafMalformed(ValueError):
    """The bytes are no entry of ours; the message names the field."""


def _matches(pattern: str) -> Check:
    compiled = re.compile(pattern)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def _or_null(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53


def _time(value: Any) -> bool:
    if not _TIME_FORM(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _object(members: Mapping[str, Check]) -> Check:
    return lambda value: (
        isinstance(value, dict)
        and value.keys() == members.keys()
        and all(check(value[name]) for name, check in members.items())
    )


_TIME_FORM = _matches(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z")
_HASH = _matches("[0-9a-f]{64}")
_UUID = _matches("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_WORD = _matches("[a-z0-9][a-z0-9._-]{0,31}")
_ORIGIN = _matches("[!-*,-~]{1,128}")
_VKEY = _matches(r"[!-*,-~]{1,128}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{4,2000}={0,2}")

DETAILS: Mapping[str, Mapping[str, Check]] = {
    "register": {},
    "revise": {},
    "licence.offer": {},
    "licence.agree": {"offer": _HASH},
    "licence.revoke": {"offer": _HASH},
    "transfer.propose": {"to": _HASH},
    "transfer.accept": {"proposal": _HASH},
    "claim.dispute": {"text": _HASH},
    "takedown.notice": {"text": _HASH},
    "takedown.counter": {"text": _HASH},
    "takedown.decision": {"text": _HASH, "outcome": _matches("upheld|rejected")},
    "restore": {"text": _HASH},
    "key.rotate": {"vkey": _VKEY, "replaces": _or_null(_VKEY)},
    "policy.publish": {},
    "log.continue": {"origin": _ORIGIN, "size": _count, "root": _HASH, "sm3_root": _HASH},
    "audit.head": {"service": _WORD, "entries": _count, "head": _HASH},
}
"""Every event type, and the members of its `detail`. Events are named by their leaf hash, people by
their subject commitment, texts by their commitment, all in hex. `log.continue` is the first entry
of a log that follows a frozen one, and names what the frozen one was."""

NEEDS: Mapping[str, tuple[str, ...]] = {
    "register": ("resource_id",),
    "licence.offer": ("rights_policy_sha256",),
    "policy.publish": ("rights_policy_sha256",),
}
"""The fields that must not be null in an event of a type."""

DESCRIBES_WORK = ("register", "revise")
OFFERS_LICENCE = (*DESCRIBES_WORK, "licence.offer")
"""The events whose `rights_policy_sha256` is a licence of the work; the first two may have none."""

_FIELDS: Mapping[str, Check] = {
    "v": lambda value: value in (1, VERSION) and _count(value),
    "type": lambda value: value in DETAILS,
    "reg_id": _UUID,
    "resource_id": _or_null(_UUID),
    "resource_version": _or_null(_count),
    "seq_in_reg": _count,
    "prev_event": _or_null(_HASH),
    "digests": _or_null(_object({"sha256": _HASH, "sm3": _HASH, "size": _count})),
    "manifest_root": _or_null(_HASH),
    "iscc": _or_null(_matches("ISCC:[A-Z2-7]{10,120}")),
    "rights_policy_sha256": _or_null(_HASH),
    "subject_commitment": _or_null(_HASH),
    "auth_context": _object({"method": _WORD, "assurance": _WORD, "session": _or_null(_HASH)}),
    "claimed_at": _time,
    "detail": lambda value: isinstance(value, dict),
    "work_commitment": _or_null(_HASH),
}
_SINCE_VERSION_2 = {"work_commitment"}


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """One event of one registration (or, for key, policy and audit events, of the platform).

    `prev_event` is the hex SHA-256 leaf hash of the event before it, null for the first;
    `subject_commitment` who acts, null for the platform; `digests` are of a work's one file,
    `manifest_root` of its several; `work_commitment` binds all that is told of the work;
    `claimed_at` is the server's clock, a claim.
    """

    type: str
    reg_id: str
    seq_in_reg: int
    claimed_at: str
    auth_context: Mapping[str, Any]
    detail: Mapping[str, Any]
    resource_id: str | None = None
    resource_version: int | None = None
    prev_event: str | None = None
    digests: Mapping[str, Any] | None = None
    manifest_root: str | None = None
    iscc: str | None = None
    rights_policy_sha256: str | None = None
    subject_commitment: str | None = None
    work_commitment: str | None = None
    v: int = VERSION

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read an entry. Raises `LeafMalformed`."""
        if len(data) > MAX_LEAF_SIZE:
            raise LeafMalformed(f"an entry of {len(data)} bytes is over {MAX_LEAF_SIZE}")
        try:
            value = parse_canonical(data)
        except NotCanonical as reason:
            raise LeafMalformed(str(reason)) from None
        if not isinstance(value, dict) or value.keys() != _fields_of(value.get("v")):
            raise LeafMalformed("an entry has exactly the fields of its version")
        for name in value:
            if not _FIELDS[name](value[name]):
                raise LeafMalformed(f"the field {name} is not as it must be")
        _require_for_type(value)
        return cls(**value)

    def encode(self) -> bytes:
        """The entry's bytes. Raises `LeafMalformed` where they would not be read back."""
        told = _fields_of(self.v)
        value = {each.name: getattr(self, each.name) for each in fields(self) if each.name in told}
        nested = {name: dict(value[name]) for name in ("auth_context", "detail")}
        digests = None if self.digests is None else dict(self.digests)
        try:
            data = canonical({**value, **nested, "digests": digests})
        except NotCanonical as reason:
            raise LeafMalformed(str(reason)) from None
        Leaf.parse(data)
        return data


def _fields_of(version: Any) -> set[str]:
    return _FIELDS.keys() - (_SINCE_VERSION_2 if version == 1 else set())


def _require_for_type(value: Mapping[str, Any]) -> None:
    kind = value["type"]
    if not _object(DETAILS[kind])(value["detail"]):
        raise LeafMalformed(f"the detail is not that of {kind}")
    for name in NEEDS.get(kind, ()):
        if value[name] is None:
            raise LeafMalformed(f"{kind} needs the field {name}")
    if kind in DESCRIBES_WORK and value["digests"] is None and value["manifest_root"] is None:
        raise LeafMalformed(f"{kind} needs digests or a manifest_root")
    if value["v"] > 1 and (kind in DESCRIBES_WORK) == (value["work_commitment"] is None):
        raise LeafMalformed("who describes a work, and only they, commit to what they tell of it")
    if (value["seq_in_reg"] == 0) != (value["prev_event"] is None):
        raise LeafMalformed("the first event, and only it, has no prev_event")


def parties_of(leaves: Iterable[Leaf]) -> set[str]:
    """The subject commitments of all who acted, or whom a transfer was proposed to."""
    named = [(each.subject_commitment, each.detail.get("to")) for each in leaves]
    return {each for both in named for each in both if each is not None}


def event_hash(data: bytes) -> str:
    """How events name one another: the hex SHA-256 leaf hash of the entry's bytes."""
    return SHA256.leaf(data).hex()
