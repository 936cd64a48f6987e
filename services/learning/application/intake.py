"""From what a client sent to records: checked, people replaced by pseudonyms, ready to store."""

from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from hashlib import blake2b
from typing import Any
from uuid import UUID

from services.learning.domain.progress import points_of
from services.learning.domain.xapi import attachments, exact, statements
from services.learning.domain.xapi.attachments import Part
from services.learning.domain.xapi.contents import (
    activities_in,
    agents_in,
    attachment_key,
    comparable,
    figures_of,
    is_identified,
    key_of,
    merged_definition,
    voided_by,
    with_lists,
    without_members,
)
from services.learning.domain.xapi.records import (
    ERASED,
    About,
    Batch,
    ErasedPeople,
    MalformedStatement,
    Record,
)
from services.learning.domain.xapi.rules import Defect, Json
from services.learning.domain.xapi.values import Version, instant, told
from services.learning.ports import Actors
from shared.ids import uuid7

REMEMBERED = 200_000

Person = tuple[Json, str, UUID]
"""An identified agent, the property it stands in, and who it is."""

PERSONA = "persona"
"""In a stored statement, an agent has this property, the id of what is sealed, and `KEPT`."""
KEPT = frozenset({"objectType", "member"})

NOBODY = UUID(int=0)
"""The actor of a statement by an anonymous group."""

_ABOUT = {
    "Activity": About.ACTIVITY,
    "Agent": About.ACTOR,
    "Group": About.ACTOR,
    "StatementRef": About.STATEMENT,
}


_PLACES = {"actor": "/actor", "object": "/object", "substatement": "/object"}
"""Where an agent stands in a statement, by its property; others stand in its context."""


def member_key(actor: UUID) -> UUID:
    """Marks a statement whose actor or object is a group with this member."""
    return key_of(f"member {actor}")


class Intake:
    """`definitions` of activities are passed on once, then remembered as known."""

    def __init__(self, actors: Actors) -> None:
        self._actors = actors
        self._keys: dict[str, UUID] = {}
        self._defined: dict[str, int] = {}

    async def batch(
        self,
        application_id: int,
        found: Any,
        parts: Sequence[Part],
        version: Version,
        at: str = "",
    ) -> Batch:
        """The batch that a body holds `at` a pointer: one statement or an array of them.

        Raises `MalformedStatement`. The statements are changed on the way.
        """
        several = type(found) is list
        documents: list[Json] = found if several else [found]
        pointers = [f"{at}/{n}" for n in range(len(documents))] if several else [at]
        self._check(documents, parts, version, pointers)
        moments = [_normalise(document, version) for document in documents]
        people = await self._pseudonymise(documents, pointers)
        brought = {part.sha2.lower() for part in parts}
        definitions: dict[str, Json] = {}
        records = [
            self._record(document, moment, named, definitions, brought)
            for document, moment, named in zip(documents, moments, people, strict=True)
        ]
        return Batch(application_id, records, parts, definitions)

    def _check(
        self,
        documents: Sequence[Any],
        parts: Sequence[Part],
        version: Version,
        pointers: Sequence[str],
    ) -> None:
        defects: list[Defect] = []
        ids: set[str] = set()
        signed = bool(parts)
        for document, pointer in zip(documents, pointers, strict=True):
            defects += statements.check(document, version, pointer)
            if type(document) is dict:
                given = document.get("id")
                if type(given) is str:
                    if given.lower() in ids:
                        defects.append(Defect(f"{pointer}/id", "Two statements have this id."))
                    ids.add(given.lower())
                signed = (
                    signed
                    or "attachments" in document
                    or (
                        type(document.get("object")) is dict and "attachments" in document["object"]
                    )
                )
        if not defects and signed:
            defects = attachments.check(documents, parts, version, pointers)
        if defects:
            raise MalformedStatement(defects)

    async def _pseudonymise(
        self, documents: Sequence[Json], pointers: Sequence[str]
    ) -> list[list[Person]]:
        """Replace every identified agent in place; returns who they were, by document."""
        found = [
            [each for each in agents_in(document) if is_identified(each[0])]
            for document in documents
        ]
        naked = [without_members(agent) for named in found for agent, _ in named]
        try:
            pseudonyms = iter(await self._actors.pseudonyms(naked))
        except ErasedPeople as erased:
            at = [
                f"{pointer}{_PLACES.get(role, f'/context/{role}')}"
                for pointer, named in zip(pointers, found, strict=True)
                for _, role in named
            ]
            raise MalformedStatement([Defect(at[n], ERASED) for n in erased.places]) from None
        people = []
        for named in found:
            these = []
            for agent, role in named:
                pseudonym = next(pseudonyms)
                for name in agent.keys() - KEPT:
                    del agent[name]
                agent[PERSONA] = pseudonym.persona.hex
                these.append((agent, role, pseudonym.actor))
            people.append(these)
        return people

    def _record(
        self,
        document: Json,
        at: datetime | None,
        people: Sequence[Person],
        definitions: dict[str, Json],
        brought: Set[str],
    ) -> Record:
        target = document["object"]
        about = _ABOUT.get(target.get("objectType", "Activity"), About.OTHER)
        actor, key = NOBODY, NOBODY
        related: set[UUID] = set()
        for agent, role, who in people:
            if agent is document["actor"]:
                actor = who
            elif agent is target:
                key = who
            else:
                related.add(who)
                if role in ("actor", "object"):
                    related.add(member_key(who))
        for activity in activities_in(document):
            each = self._key(activity["id"])
            self._define(activity, definitions)
            if activity is target:
                key = each
            else:
                related.add(each)
        if brought:
            related |= {attachment_key(each) for each in attachments.hashes_in(document) & brought}
        if about is About.STATEMENT:
            key = UUID(target["id"])
        context = document.get("context")
        registration = context.get("registration") if context else None
        digest = blake2b(exact.dumps(comparable(document), sort=True), digest_size=16)
        timeless = digest.digest()
        if at is not None:
            digest.update(told(at).encode())
        return Record(
            id=UUID(document["id"]),
            raw=exact.dumps(document),
            digest=digest.digest(),
            timeless=timeless,
            at=at,
            actor=actor,
            verb=self._key(document["verb"]["id"]),
            object=key,
            about=about,
            registration=None if registration is None else UUID(registration),
            related=sorted(related) if related else None,
            figures=figures_of(document),
            voids=voided_by(document),
            points=points_of(document) if about is About.ACTIVITY and actor != NOBODY else (),
        )

    def _key(self, iri: str) -> UUID:
        key = self._keys.get(iri)
        if key is None:
            if len(self._keys) >= REMEMBERED:
                self._keys.clear()
            key = self._keys[iri] = key_of(iri)
        return key

    def _define(self, activity: Json, definitions: dict[str, Json]) -> None:
        """Pass on what is new about an activity."""
        iri, definition = activity["id"], activity.get("definition")
        known = self._defined.get(iri)
        if known is not None and (not definition or hash(exact.dumps(definition)) == known):
            return
        definitions[iri] = merged_definition(definitions.get(iri, {}), definition or {})

    def remember(self, definitions: Mapping[str, Json]) -> None:
        """Note that these are stored: they need not be passed on again."""
        if len(self._defined) >= REMEMBERED:
            self._defined.clear()
        for iri, definition in definitions.items():
            self._defined[iri] = hash(exact.dumps(definition))


def _normalise(document: Json, version: Version) -> datetime | None:
    """Put the statement, in place, as it is stored; returns its timestamp."""
    with_lists(document)
    given = document.get("id")
    document["id"] = str(uuid7()) if given is None else given.lower()
    document.pop("stored", None)
    document.pop("authority", None)
    if "version" not in document:
        document["version"] = "1.0.0" if version is Version.V1 else "2.0.0"
    timestamp = document.get("timestamp")
    if timestamp is None:
        return None
    at = instant(timestamp, Version.V1)
    if version is Version.V2 and not (timestamp[10] == "T" and timestamp.endswith("Z")):
        document["timestamp"] = told(at)
    return at
