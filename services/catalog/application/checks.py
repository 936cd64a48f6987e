"""The check before submission: gathers everything about a draft, and lets the rules loose on it."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.metadata_terms import Lexicons, terms_of
from services.catalog.application.register import Asked, Register
from services.catalog.application.resources import ResourceStore, known, viewer_of
from services.catalog.domain import files
from services.catalog.domain.checks import (
    Defect,
    Duplicate,
    Examined,
    ExaminedFile,
    Pinned,
    Registered,
    Related,
    Similar,
    TextbookFacts,
    run,
)
from services.catalog.domain.checks_metadata import relations
from services.catalog.domain.checks_rules import RULES
from services.catalog.domain.checks_texts import Level
from services.catalog.domain.codes import Iscc
from services.catalog.domain.fingerprints import Fingerprint, fingerprint
from services.catalog.domain.metadata import grades_of
from services.catalog.domain.resources import Resource, Viewer
from services.catalog.domain.vocabularies import State
from shared.clock import Clock
from shared.context import worded
from shared.database import UnitOfWork
from shared.errors import StaleVersion
from shared.principal import Principal
from shared.storage import ObjectMissing, ObjectStore

PAGE_BREAK = "\f"
"""Between the pages of an extracted text."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """``containment``: from which share of a text on, 0 to 1, another is told as nearly the same.
    ``most`` near-duplicates are told of each file."""

    containment: float = 0.6
    most: int = 10


@dataclass(frozen=True, slots=True)
class Report:
    """What the check finds; ``version`` is the draft's when it was read."""

    resource_id: UUID
    version: int
    checked_at: datetime
    defects: Sequence[Defect]

    @property
    def passed(self) -> bool:
        return all(each.level is not Level.ERROR for each in self.defects)


@dataclass(frozen=True, slots=True)
class Kept:
    """A file of a draft as the catalogue knows it. ``text_key`` is where its extracted text is."""

    file: ExaminedFile
    sha256: bytes
    text_key: str | None
    iscc: Iscc | None = None


@dataclass(frozen=True, slots=True)
class Likeness:
    """A text that has a band in common with one of ours, as a file of a resource."""

    code: str
    own: bool
    fingerprint: Fingerprint


class FactStore(Protocol):
    """What rules ask about a draft; every method is one statement."""

    async def files(self, resource: Resource) -> Sequence[Kept]: ...

    async def textbook(self, textbook_id: UUID) -> TextbookFacts | None: ...

    async def chapters(self, textbook_id: UUID, codes: Collection[str]) -> Mapping[str, State]:
        """Those among `codes` that there are."""
        ...

    async def points(self, subject: str, codes: Collection[str]) -> Mapping[str, State]:
        """Those among `codes` that there are."""
        ...

    async def related(self, wanted: Collection[Pinned], viewer: Viewer) -> Mapping[Pinned, Related]:
        """Those that `viewer` may read."""
        ...

    async def duplicates(
        self, resource: Resource, positions: Mapping[bytes, int]
    ) -> Sequence[Duplicate]:
        """Files with these digests in other resources: the owner's, and in live versions."""
        ...

    async def fingerprints(self, digests: Collection[bytes]) -> Mapping[bytes, Fingerprint]: ...

    async def keep_fingerprint(self, sha256: bytes, made: Fingerprint) -> None:
        """Once; again is in order."""
        ...

    async def alike(
        self, resource: Resource, sha256: bytes, made: Fingerprint
    ) -> Sequence[Likeness]:
        """Texts in other resources (the owner's, and live versions) with a band in common."""
        ...


class Checks:
    """Reads in one transaction, then the texts from the object store, then what is like them."""

    def __init__(
        self,
        new_uow: Callable[[], UnitOfWork],
        resources: Callable[[AsyncConnection], ResourceStore],
        facts: Callable[[AsyncConnection], FactStore],
        lexicons: Lexicons,
        objects: ObjectStore,
        clock: Clock,
        thresholds: Thresholds,
        register: Register | None = None,
    ) -> None:
        self._new_uow = new_uow
        self._resources = resources
        self._facts = facts
        self._lexicons = lexicons
        self._objects = objects
        self._clock = clock
        self._thresholds = thresholds
        self._register = register

    async def report(self, caller: Principal, resource_id: UUID) -> Report:
        """For whoever may read the draft, with what the register of copyright says. Raises
        `NotFound`."""
        report = await self.check(caller, resource_id, register=self._register)
        async with self._new_uow() as uow:
            return await uow.commit(report)

    async def check(
        self,
        caller: Principal,
        resource_id: UUID,
        version: int | None = None,
        register: Register | None = None,
    ) -> Report:
        """The report, within no transaction; `register` is asked if given. Raises `NotFound`, and
        `StaleVersion` when the draft is not the `version` wanted."""
        viewer = Viewer(caller.subject, viewer_of(caller).paths)
        async with self._new_uow() as uow:
            found = await self._resources(uow.connection).get(resource_id)
            resource = known(found, viewer)
            if version is not None and resource.version != version:
                raise StaleVersion
            facts = self._facts(uow.connection)
            kept, examined = await self._gathered(uow.connection, facts, resource, viewer)
            held = {each.sha256: each.file.position for each in kept if each.file.file_state}
            same = await facts.duplicates(resource, held) if held else ()
            made = dict(await facts.fingerprints([each.sha256 for each in kept]))
        texts = {each.sha256: await self._text(each.text_key) for each in kept if each.text_key}
        new = {
            sha256: print_
            for sha256, text in texts.items()
            if sha256 not in made
            and (print_ := await asyncio.to_thread(fingerprint, text)) is not None
        }
        similar = await self._similar(resource, kept, {**made, **new}, new)
        examined = replace(
            examined,
            files=[
                replace(each.file, pages=texts[each.sha256].split(PAGE_BREAK))
                if each.sha256 in texts
                else each.file
                for each in kept
            ],
            duplicates=same,
            similar=similar,
            registered=await _registered(register, resource_id, kept, texts),
        )
        defects = await asyncio.to_thread(run, RULES, examined)
        return Report(resource_id, resource.version, self._clock(), defects)

    async def finds_errors(
        self, connection: AsyncConnection, resource: Resource, viewer: Viewer
    ) -> bool:
        """Whether it would find an error, those in the texts of files apart."""
        facts = self._facts(connection)
        _, examined = await self._gathered(connection, facts, resource, viewer)
        defects = await asyncio.to_thread(run, RULES, examined)
        return any(each.level is Level.ERROR for each in defects)

    async def _gathered(
        self, connection: AsyncConnection, facts: FactStore, resource: Resource, viewer: Viewer
    ) -> tuple[Sequence[Kept], Examined]:
        """The files of the draft, and what is examined without their texts and their like."""
        metadata, kept = resource.draft.metadata, await facts.files(resource)
        names = {str(resource.id), resource.code}
        examined = Examined(metadata, self._clock().date(), names)
        textbook_id = UUID(metadata["textbook_id"]) if "textbook_id" in metadata else None
        chapters, points = metadata.get("chapters", ()), metadata.get("knowledge_points", ())
        wanted = {target for _, target in relations(examined)}
        terms = await terms_of(self._lexicons, connection, metadata)
        examined = replace(
            examined,
            files=[each.file for each in kept],
            terms={key: term.state for key, term in terms.items()},
            grades_of_stage=grades_of(terms.get(("stage", metadata.get("stage", "")))),
            textbook=await facts.textbook(textbook_id) if textbook_id else None,
            chapters=await facts.chapters(textbook_id, chapters)
            if textbook_id and chapters
            else {},
            points=await facts.points(metadata["subject"], points)
            if points and "subject" in metadata
            else {},
            related=await facts.related(wanted, viewer) if wanted else {},
        )
        return kept, examined

    async def _text(self, key: str) -> str:
        try:
            return (await self._objects.get(key)).decode(errors="replace")
        except ObjectMissing:
            return ""

    async def _similar(
        self,
        resource: Resource,
        kept: Sequence[Kept],
        made: Mapping[bytes, Fingerprint],
        new: Mapping[bytes, Fingerprint],
    ) -> list[Similar]:
        if not made:
            return []
        found = list[Similar]()
        async with self._new_uow() as uow:
            facts = self._facts(uow.connection)
            for each in kept:
                ours = made.get(each.sha256)
                if ours is None:
                    continue
                if each.sha256 in new:
                    await facts.keep_fingerprint(each.sha256, ours)
                found += self._told(
                    each.file.position, ours, await facts.alike(resource, each.sha256, ours)
                )
            # A cache: not the effect that an Idempotency-Key is about.
            await uow.connection.commit()
        return found

    def _told(self, position: int, ours: Fingerprint, alike: Sequence[Likeness]) -> list[Similar]:
        most: dict[str, Similar] = {}
        for each in alike:
            share = ours.containment(each.fingerprint)
            before = most.get(each.code)
            if share >= self._thresholds.containment and (
                before is None or share > before.containment
            ):
                most[each.code] = Similar(position, each.code, each.own, share)
        ranked = sorted(most.values(), key=lambda similar: -similar.containment)
        return ranked[: self._thresholds.most]


async def _registered(
    register: Register | None, resource_id: UUID, kept: Sequence[Kept], texts: Mapping[bytes, str]
) -> Sequence[Registered] | None:
    asked = [
        Asked(each.file.position, each.sha256, each.iscc, texts.get(each.sha256))
        for each in kept
        if each.file.file_state is files.State.CLEAN
    ]
    return await register.like(asked, resource_id) if register and asked else ()


def told(defect: Defect) -> dict[str, Any]:
    """A defect in the language of the request in hand."""
    text = defect.text
    return {
        "pointer": defect.pointer,
        "level": text.level.value,
        "code": defect.code,
        "detail": worded(text.detail, text.detail_zh).format_map(defect.values),
        "advice": worded(text.advice, text.advice_zh).format_map(defect.values),
    }
