"""What is registered: a work, its files and facts. Who holds what is for the events to say."""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from itertools import count
from typing import Any
from unicodedata import normalize
from uuid import UUID

from services.copyright.verify.canonical import manifest_root, work_commitment
from services.copyright.verify.events import Standing
from services.copyright.verify.leaf import Leaf
from services.copyright.verify.merkle import sha256
from shared.codes import ALPHABET, InvalidCode, parse_code
from shared.errors import DomainError

CODE_PREFIX = "Z"
"""证: of a registration's short code."""

MOST_FILES = 200

_REGISTRATION_NUMBER = re.compile("[\u4e00-\u9fa5]{1,2}作登字-([0-9]{4})-([A-Z])-(?!0+$)[0-9]{8,}")
_FIRST_YEAR = 1991  # the copyright law came into force
_EMPTY = sha256(b"").hex()
_DCI = re.compile("DCI:R[A-Za-z0-9./:_-]{1,120}")


class RegistrationDefective(DomainError):
    """What is told of the work does not hold; ``errors`` names every defect."""


class TermsUnfit(DomainError):
    """The terms of an offer do not go with its licence."""


class HeadMoved(DomainError):
    """Another event came first."""


class NotAllowedNow(DomainError):
    """The registration's state has no place for the event."""


class NotTheirs(DomainError):
    """The event is another party's to make."""


class CodeUnreadable(DomainError):
    """The text is no code of a registration."""


class LetterTaken(DomainError):
    """Another category has the letter."""


class NotLoggedYet(DomainError):
    """The log has no checkpoint over the registration yet, so there is nothing to prove."""


def code_of(registration: UUID) -> str:
    """The short code of a registration, which follows from its id: whoever has the log alone finds
    it again. Of a million registrations, one more meets another's code once in a million times;
    it is refused, and is made anew under another id."""
    for attempt in count():
        drawn = sha256(registration.bytes + attempt.to_bytes(4, "big"))
        body = CODE_PREFIX + "".join(ALPHABET[byte % len(ALPHABET)] for byte in drawn[:8])
        for check in ALPHABET:
            with suppress(InvalidCode):
                return parse_code(body + check, CODE_PREFIX)
    raise AssertionError("some attempt has a check character")


@dataclass(frozen=True)
class WorkFile:
    """One file of a work; hashes in lower-case hex, `size` in bytes."""

    path: str
    sha256: str
    sm3: str
    size: int

    def described(self) -> dict[str, Any]:
        """As a manifest lists it."""
        return {"path": self.path, "sha256": self.sha256, "sm3": self.sm3, "size": self.size}


@dataclass(frozen=True, kw_only=True)
class Work:
    """What its registrant says of a work; `authors` and `holders` are names, kept out of the log
    and of everything but the registrant's own evidence."""

    title: str
    category: str
    files: Sequence[WorkFile]
    authors: Sequence[str] = ()
    contributors: Sequence[str] = ()
    holders: Sequence[str] = ()
    creation: str = "original"
    completed_on: date | None = None
    completed_at: str = ""
    first_published_on: date | None = None
    first_published_at: str = ""
    rights_basis: str = "own_work"
    rights_obtained: str = "original"
    ownership: str = "individual"
    rights_held: str = "all"
    licence: str | None = None
    registration_number: str = ""
    dci: str = ""

    def details(self) -> dict[str, Any]:
        """What may be shown to anyone."""
        days = {
            name: each and each.isoformat()
            for name, each in (
                ("completed_on", self.completed_on),
                ("first_published_on", self.first_published_on),
            )
        }
        told = (
            "title category creation completed_at first_published_at rights_basis rights_obtained"
            " ownership rights_held licence registration_number dci"
        )
        return {**{name: getattr(self, name) for name in told.split()}, **days}

    def named(self) -> dict[str, list[str]]:
        """The people named."""
        names = ("authors", "contributors", "holders")
        return {name: list(getattr(self, name)) for name in names if getattr(self, name)}


def ordered(files: Iterable[WorkFile]) -> list[WorkFile]:
    """By path, as they are stored, committed to and shown."""
    return sorted(files, key=lambda each: each.path.encode())


def identified(files: Sequence[WorkFile]) -> dict[str, Any]:
    """The fields of an event that say which work it is: one file's digests, or the root over
    several."""
    if len(files) == 1:
        return {"digests": {k: v for k, v in files[0].described().items() if k != "path"}}
    return {"manifest_root": manifest_root([each.described() for each in files])}


def defects(
    work: Work, letters: Mapping[str, str | None], today: date
) -> Iterable[tuple[str, str, str]]:
    """What is wrong with `work`: field, and a sentence in both languages. `letters` are those of
    registration numbers by category, None where it is not known."""
    if work.category not in letters:
        yield "category", "No such category of works.", "没有该作品类别。"
    paths = {normalize("NFC", each.path) for each in work.files}
    if len(paths) != len(work.files):
        yield "files", "Each path names one file.", "文件路径不得重复。"
    if any((each.size == 0) != (each.sha256 == _EMPTY) for each in work.files):
        yield "files", "A digest is not that of a file so long.", "文件大小与摘要值不符。"
    if work.completed_on and work.completed_on > today:
        yield "completed_on", "It is not complete yet.", "完成日期不得晚于今天。"
    published = work.first_published_on
    if published and published > today:
        yield "first_published_on", "It is not published yet.", "首次发表日期不得晚于今天。"
    if published and work.completed_on and published < work.completed_on:
        yield "first_published_on", "It was complete before.", "首次发表不得早于完成日期。"
    if work.registration_number:
        yield from _number_defects(work, letters, today)
    if work.dci and not _DCI.fullmatch(work.dci):
        yield "dci", "A DCI begins with DCI:R.", "DCI 码以 DCI:R 开头。"


def _number_defects(
    work: Work, letters: Mapping[str, str | None], today: date
) -> Iterable[tuple[str, str, str]]:
    found = _REGISTRATION_NUMBER.fullmatch(work.registration_number)
    if not found:
        yield (
            "registration_number",
            "It reads like 国作登字-2021-A-00000001 (国版函〔2016〕1号).",
            "登记号形如 国作登字-2021-A-00000001(国版函〔2016〕1号)。",
        )
        return
    if not _FIRST_YEAR <= int(found[1]) <= today.year:
        yield (
            "registration_number",
            f"No work was registered in {found[1]}.",
            f"登记号年份 {found[1]} 有误。",
        )
    if (letter := letters.get(work.category)) and letter != found[2]:
        yield (
            "registration_number",
            f"Its letter is {found[2]}, that of the category {letter}.",
            f"登记号类别字母为 {found[2]}，所选类别为 {letter}。",
        )


@dataclass(frozen=True, kw_only=True)
class Record:
    """A registration as it is stored. `standing` and `length` repeat what its events say;
    `details_salt` hides the commitment to `details` and files that the last event which describes
    the work has."""

    id: UUID
    code: str
    resource_id: UUID
    resource_version: int | None
    resource_code: str | None
    organisation_path: str | None
    origin: str
    details: Mapping[str, Any]
    standing: Standing
    length: int
    created_at: datetime
    details_salt: bytes | None = None

    def vouched(self, files: Sequence[WorkFile], described: Leaf) -> bool:
        """Whether `details` and `files` are what the event `described` commits to. An entry of
        version 1 commits to nothing, and cannot contradict them."""
        if described.work_commitment is None:
            return True
        if self.details_salt is None:
            return False
        told = [each.described() for each in files]
        return work_commitment(self.details_salt, self.details, told) == described.work_commitment


@dataclass(frozen=True)
class Party:
    """Who acts within one registration: an identity, the salt that hides it, and the commitment
    that stands in the log."""

    person: str
    commitment: str
    identity: Mapping[str, Any]
    salt: bytes


@dataclass(frozen=True)
class Text:
    """Words of a dispute, with the salt under which the log commits to them. `person` None: the
    platform's."""

    person: str | None
    words: str
    salt: bytes
