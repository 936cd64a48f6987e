"""Profiles and identifiers as the database holds them: encrypted, and found by keyed hash."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson

from services.identity.domain.identifiers import Identifier, IdentifierKey, IdentifierKind
from services.identity.domain.people import Profile, folded_name
from shared.encryption import KeyRing, Place
from shared.ids import uuid7

_PROFILE = "people.profile"
_NAME = "people.name"


class PersonalData:
    """Turns profiles and identifiers into columns and back; bulk imports write through it too."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def profile_columns(self, person_id: UUID, profile: Profile | None) -> dict[str, bytes | None]:
        """``profile`` and ``name_hash`` of a row of people."""
        if profile is None:
            return {"profile": None, "name_hash": None}
        present = {name: getattr(profile, name) for name in Profile.__dataclass_fields__}
        plain = orjson.dumps({name: value for name, value in present.items() if value is not None})
        return {
            "profile": self._keys.encrypt(_PROFILE, plain.decode(), _profile_place(person_id)),
            "name_hash": self._keys.search_hash(_NAME, folded_name(profile.name)),
        }

    def profile(self, person_id: UUID, token: bytes | None) -> Profile | None:
        if token is None:
            return None
        plain = orjson.loads(self._keys.decrypt(_PROFILE, token, _profile_place(person_id)))
        if "birth_date" in plain:
            plain["birth_date"] = date.fromisoformat(plain["birth_date"])
        return Profile(**plain)

    def name_hashes(self, name: str) -> list[bytes]:
        """Under which a person of that full name may be found, one per key of the ring."""
        return self._keys.search_hashes(_NAME, folded_name(name))

    def identifier_columns(
        self, person_id: UUID, key: IdentifierKey, verified_at: datetime | None, now: datetime
    ) -> dict[str, Any]:
        """A new row of identifiers."""
        id_ = uuid7()
        return {
            "id": id_,
            "person_id": person_id,
            "kind": key.kind,
            "value": self._keys.encrypt(_purpose(key.kind), key.value, _value_place(id_)),
            "search_hash": self._keys.search_hash(_purpose(key.kind), key.value),
            "masked": key.masked,
            "verified_at": verified_at,
            "created_at": now,
        }

    def identifier(
        self, id_: UUID, kind: str, token: bytes, verified_at: datetime | None
    ) -> Identifier:
        value = self._keys.decrypt(_purpose(kind), token, _value_place(id_))
        return Identifier(IdentifierKey(IdentifierKind(kind), value), verified_at)

    def hashes(self, key: IdentifierKey) -> list[bytes]:
        """Under which the value may be found, one per key of the ring."""
        return self._keys.search_hashes(_purpose(key.kind), key.value)


def _purpose(kind: str) -> str:
    return f"identifiers.{kind}"


def _profile_place(person_id: UUID) -> Place:
    return Place("people", "profile", str(person_id))


def _value_place(identifier_id: UUID) -> Place:
    return Place("identifiers", "value", str(identifier_id))
