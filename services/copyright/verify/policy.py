"""Which logs and witnesses are trusted, and how many witnesses suffice (C2SP tlog-policy)."""

from collections.abc import Collection
from dataclasses import dataclass

from services.copyright.verify.notes import (
    COSIGNATURE,
    ED25519,
    ML_DSA_44,
    OTHER,
    NoteMalformed,
    VerifierKey,
    decode_number,
)

NO_QUORUM = "none"
_LOG_TYPES = (ED25519, ML_DSA_44, OTHER)
_WITNESS_TYPES = (COSIGNATURE, ML_DSA_44)


class PolicyMalformed(ValueError):
    """The text is no policy; the message names the line."""


@dataclass(frozen=True)
class Group:
    """Witnesses a checkpoint where at least `threshold` of `members` do."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class Policy:
    """`witnesses` and `groups` share one space of names, which mean nothing outside."""

    logs: tuple[VerifierKey, ...]
    witnesses: dict[str, VerifierKey]
    groups: dict[str, Group]
    quorum: str

    @classmethod
    def parse(cls, data: bytes) -> "Policy":
        """Read a policy file. Raises `PolicyMalformed`."""
        reader = _Reader()
        # Names are opaque octets to the format: any one-to-one reading keeps them apart.
        for number, line in enumerate(data.decode(errors="surrogateescape").split("\n"), 1):
            try:
                reader.read(line)
            except (NoteMalformed, PolicyMalformed) as reason:
                raise PolicyMalformed(f"policy line {number}: {reason}") from None
        if reader.quorum is None:
            raise PolicyMalformed("a policy has one quorum line")
        return cls(tuple(reader.logs), reader.witnesses, reader.groups, reader.quorum)

    def satisfied_by(self, cosigners: Collection[VerifierKey]) -> bool:
        """Whether cosignatures by these keys are a quorum."""
        return self._witnessed(self.quorum, cosigners)

    def _witnessed(self, name: str, cosigners: Collection[VerifierKey]) -> bool:
        if name == NO_QUORUM:
            return True
        if name in self.witnesses:
            return self.witnesses[name] in cosigners
        group = self.groups[name]
        return sum(self._witnessed(each, cosigners) for each in group.members) >= group.threshold


class _Reader:
    """What the lines so far have defined."""

    def __init__(self) -> None:
        self.logs: list[VerifierKey] = []
        self.witnesses: dict[str, VerifierKey] = {}
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None
        self._members: set[str] = set()

    def read(self, line: str) -> None:
        if any((each < " " and each != "\t") or each == "\x7f" for each in line):
            raise PolicyMalformed("a control character")
        match [word for word in line.replace("\t", " ").split(" ") if word]:
            case []:
                pass
            case [word, *_] if word.startswith("#"):
                pass
            case ["log", vkey] | ["log", vkey, _]:
                self.logs.append(self._key(vkey, self.logs, _LOG_TYPES))
            case ["witness", name, vkey] | ["witness", name, vkey, _]:
                key = self._key(vkey, self.witnesses.values(), _WITNESS_TYPES)
                self.witnesses[self._new(name)] = key
            case ["group", name, threshold, *members] if members:
                self._group(name, threshold, members)
            case ["quorum", name] if self.quorum is None:
                if name != NO_QUORUM:
                    self._defined(name)
                self.quorum = name
            case _:
                raise PolicyMalformed("not understood, or a second quorum")

    def _key(
        self, vkey: str, others: Collection[VerifierKey], types: tuple[int, ...]
    ) -> VerifierKey:
        key = VerifierKey.parse(vkey)
        if key.type not in types:
            raise PolicyMalformed(f"the key of {key.name} is of the wrong kind here")
        if any(each.key == key.key for each in others):
            raise PolicyMalformed(f"the key of {key.name} stands here twice")
        return key

    def _group(self, name: str, threshold: str, members: list[str]) -> None:
        for each in members:
            self._defined(each)
            if each in self._members:
                raise PolicyMalformed(f"{each} is in a group already")
            self._members.add(each)
        words = {"any": 1, "all": len(members)}
        count = words.get(threshold) or decode_number(threshold)
        if not 1 <= count <= len(members):
            raise PolicyMalformed(f"{count} of {len(members)} members")
        self.groups[self._new(name)] = Group(count, tuple(members))

    def _new(self, name: str) -> str:
        if name == NO_QUORUM or name in self.witnesses or name in self.groups:
            raise PolicyMalformed(f"the name {name} is taken")
        return name

    def _defined(self, name: str) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise PolicyMalformed(f"{name} is not defined above")
