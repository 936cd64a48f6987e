"""From what a client sent to records: checked, people replaced by pseudonyms, ready to store."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any
from uuid import UUID

import orjson

from services.learning.domain.xapi import attachments, statements
from services.learning.domain.xapi.attachments import Part
from services.learning.domain.xapi.contents import (
    activities_in,
    agents_in,
    comparable,
    figures_of,
    identifier_of,
    key_of,
    merged_definition,
    voided_by,
    with_lists,
)
from services.learning.domain.xapi.records import About, Batch, MalformedStatement, Record
from services.learning.domain.xapi.rules import Defect, Json
from services.learning.domain.xapi.values import Version, instant, told
from services.learning.ports import Actors, Pseudonym
from shared.ids import uuid7

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


def member_key(actor: UUID) -> UUID:
    """Marks a statement whose actor or object is a group with this member."""
    return key_of(f"member {actor}")


class Intake:
    """`definitions` of activities are passed on once, then remembered as known."""

    def __init__(self, actors: Actors) -> None:
        self._actors = actors
        self._keys: dict[str, UUID] = {}
        self._defined: dict[UUID, int] = {}

    async def batch(
        self, application_id: int, found: Any, parts: Sequence[Part], version: Version
    ) -> Batch:
        """The batch that a body holds: one statement or an array of them.

        Raises `MalformedStatement`. The statements are changed on the way.
        """
        several = type(found) is list
        documents: list[Json] = found if several else [found]
        pointers = [f"/{n}" for n in range(len(documents))] if several else [""]
        self._check(documents, parts, version, pointers)
        for document in documents:
            _normalise(document, version)
        by_agent = await self._pseudonymise(documents)
        definitions: dict[UUID, tuple[str, Json]] = {}
        records = [self._record(each, by_agent, definitions) for each in documents]
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

    async def _pseudonymise(self, documents: Sequence[Json]) -> Mapping[int, Pseudonym]:
        """Replace every identified agent in place; returns who stood where, by identity of the
        object."""
        agents = []
        naked = []
        for document in documents:
            for agent, _ in agents_in(document):
                if identifier_of(agent) is not None:
                    agents.append(agent)
                    naked.append(
                        {k: v for k, v in agent.items() if k != "member"}
                        if "member" in agent
                        else dict(agent)
                    )
        found = await self._actors.pseudonyms(naked)
        for agent, pseudonym in zip(agents, found, strict=True):
            for name in agent.keys() - KEPT:
                del agent[name]
            agent[PERSONA] = pseudonym.persona.hex
        return {id(agent): each for agent, each in zip(agents, found, strict=True)}

    def _record(
        self,
        document: Json,
        by_agent: Mapping[int, Pseudonym],
        definitions: dict[UUID, tuple[str, Json]],
    ) -> Record:
        given = document.get("timestamp")
        target = document["object"]
        about = _ABOUT.get(target.get("objectType", "Activity"), About.OTHER)
        actor = by_agent.get(id(document["actor"]))
        related: set[UUID] = set()
        for agent, role in agents_in(document):
            who = by_agent.get(id(agent))
            if who is None:
                continue
            if agent is not document["actor"] and agent is not target:
                related.add(who.actor)
                if role in ("actor", "object"):
                    related.add(member_key(who.actor))
        key = None
        for activity in activities_in(document):
            each = self._key(activity["id"])
            if about is About.ACTIVITY and key is None:
                key = each
            else:
                related.add(each)
            self._define(each, activity, definitions)
        if about is About.ACTOR:
            named = by_agent.get(id(target))
            key = NOBODY if named is None else named.actor
        elif about is About.STATEMENT:
            key = UUID(target["id"])
        registration = document.get("context", {}).get("registration")
        content = orjson.dumps(comparable(document), option=orjson.OPT_SORT_KEYS)
        return Record(
            id=UUID(document["id"]),
            raw=orjson.dumps(document),
            digest=blake2b(content, digest_size=16).digest(),
            at=None if given is None else instant(given, Version.V1),
            actor=NOBODY if actor is None else actor.actor,
            verb=self._key(document["verb"]["id"]),
            object=key or NOBODY,
            about=about,
            registration=None if registration is None else UUID(registration),
            related=sorted(related) if related else None,
            figures=figures_of(document),
            voids=voided_by(document),
        )

    def _key(self, iri: str) -> UUID:
        key = self._keys.get(iri)
        if key is None:
            if len(self._keys) >= REMEMBERED:
                self._keys.clear()
            key = self._keys[iri] = key_of(iri)
        return key

    def _define(self, key: UUID, activity: Json, definitions: dict[UUID, tuple[str, Json]]) -> None:
        definition = activity.get("definition", {})
        mark = hash(orjson.dumps(definition)) if definition else 0
        known = self._defined.get(key)
        if known is not None and mark in (0, known):
            return
        iri, before = definitions.get(key, (activity["id"], {}))
        definitions[key] = (iri, merged_definition(before, definition))

    def remember(self, definitions: Mapping[UUID, tuple[str, Json]]) -> None:
        """Note that these are stored: they need not be passed on again."""
        if len(self._defined) >= REMEMBERED:
            self._defined.clear()
        for key, (_, definition) in definitions.items():
            self._defined[key] = hash(orjson.dumps(definition)) if definition else 0


REMEMBERED = 200_000


def _normalise(document: Json, version: Version) -> None:
    with_lists(document)
    if "id" in document:
        document["id"] = document["id"].lower()
    else:
        document["id"] = str(uuid7())
    document.pop("stored", None)
    document.pop("authority", None)
    document.setdefault("version", "1.0.0" if version is Version.V1 else version.value)
    if version is Version.V2 and "timestamp" in document:
        document["timestamp"] = told(instant(document["timestamp"], version))
