"""How alike two works are: by digests, ISCC units (ISO 24138), and passages that texts share.

Likeness is a reason to look, never to refuse: who registers first has evidence, not title.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, NamedTuple
from uuid import UUID

from iscc_lib import MT, ST, gen_iscc_code_v0, gen_text_code_v0, iscc_decode

from shared.winnowing import GRAM, WINDOW, Winnowed

BITS: Final = 256
NEAR: Final = 48
REVIEW: Final = 88
"""The greatest Hamming distances of two Content-Codes that are nearly the same, or to be looked
at. Of 200 synthetic texts of 1,500 words, the nearest unrelated ones were 91 apart."""
LEAST_SHARE: Final = 0.1
"""Of the shorter text that is in the longer."""
FEWEST_COMMON: Final = 3
"""Prints: two texts may share a set phrase by chance."""
FEWEST_LETTERS: Final = 120
"""Some sixty words: Text-Codes of shorter texts are unreliable."""
MOST_PASSAGES: Final = 10
MOST_MATCHES: Final = 20
_KINDS: Final = {ST.TEXT: "text", ST.IMAGE: "image", ST.AUDIO: "audio", ST.VIDEO: "video"}


class Tier(StrEnum):
    """Why a work is told as possibly the same, the strongest first: equal SHA-256; equal Instance-
    or Data-Code; Content-Codes within `NEAR`, within `REVIEW`; a text within another."""

    EXACT = "exact"
    SAME_CODE = "same_code"
    NEAR = "near"
    REVIEW = "review"
    CONTAINMENT = "containment"


_ORDER: Final = {tier: place for place, tier in enumerate(Tier)}


class Content(NamedTuple):
    """A Content-Code: of text, image, audio or video, and its bits."""

    kind: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Units:
    """ISCC units of `BITS` bits, each None where it is not known."""

    instance: bytes | None = None
    data: bytes | None = None
    content: Content | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """A file that others are compared with; ``apart`` is the registration that it belongs to."""

    sha256: bytes
    units: Units = Units()
    winnowed: Winnowed | None = None
    apart: UUID | None = None
    sm3: bytes | None = None

    @property
    def has_reliable_text_code(self) -> bool | None:
        """None where there is no text to tell by."""
        return None if self.winnowed is None else self.winnowed.letters >= FEWEST_LETTERS

    @property
    def comparable(self) -> Content | None:
        """The Content-Code, unless it is that of too short a text."""
        return None if self.has_reliable_text_code is False else self.units.content


@dataclass(frozen=True, slots=True)
class Passage:
    """What two texts share, in the order of one: offsets in characters of each."""

    begin: int
    end: int
    other_begin: int
    other_end: int


@dataclass(frozen=True, slots=True)
class Registered:
    """A registration, as matches name it."""

    id: UUID
    code: str
    resource_id: UUID
    resource_version: int | None


@dataclass(frozen=True, slots=True)
class Match:
    """The file at ``path`` of a registered work is like another. ``distance``: of the
    Content-Codes, in bits; ``share``: of the shorter text that is in the longer, estimated, 0 to 1.
    """

    work: Registered
    path: str
    tier: Tier
    distance: int | None = None
    share: float | None = None
    passages: Sequence[Passage] = ()


def unit(text: str, main: MT) -> tuple[ST, bytes]:
    """The subtype and the digest of an ISCC unit of `BITS` bits. Raises ValueError."""
    try:
        found, sub, version, _, digest = iscc_decode(text)
    except ValueError as reason:
        raise ValueError(f"This is no ISCC unit: {reason}.", "不是 ISCC 单元码。") from None
    if found is not main or version or len(digest) * 8 != BITS:
        raise ValueError(
            f"It must be a {main.name.capitalize()}-Code of version 0 and {BITS} bits.",
            f"须为 {BITS} 位的 {main.name.capitalize()}-Code。",
        )
    return sub, digest


def content(text: str) -> Content:
    """A Content-Code of text, image, audio or video. Raises ValueError."""
    sub, digest = unit(text, MT.CONTENT)
    if sub not in _KINDS:
        raise ValueError("It must be of text, image, audio or video.", "须为文图音视频之一。")
    return Content(_KINDS[sub], digest)


def units(told: Mapping[str, str | None]) -> Units:
    """From `instance`, `data` and `content` as ISCC writes them. Raises ValueError."""
    instance, data, code = (told.get(name) for name in ("instance", "data", "content"))
    return Units(
        unit(instance, MT.INSTANCE)[1] if instance else None,
        unit(data, MT.DATA)[1] if data else None,
        content(code) if code else None,
    )


def text_code(text: str) -> Content:
    """The Text-Code of `text`."""
    return content(gen_text_code_v0(text, bits=BITS).iscc)


def composite(files: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The field of an event that has the ISCC-CODE of a work of one file, where it has units."""
    if len(files) != 1 or not files[0].get("iscc"):
        return {}
    told = files[0]["iscc"]
    some = [told[name] for name in ("content", "data", "instance") if told.get(name)]
    return {"iscc": gen_iscc_code_v0(some).iscc}


def strongest(found: Iterable[Match]) -> list[Match]:
    """One match a registration, with all that is known of it, the strongest first, at most
    `MOST_MATCHES`."""
    best: dict[UUID, Match] = {}
    for each in sorted(found, key=_strength):
        before = best.setdefault(each.work.id, each)
        if before.distance is None and each.distance is not None:
            before = replace(before, distance=each.distance)
        if before.share is None and each.share is not None:
            before = replace(before, share=each.share, passages=each.passages)
        best[each.work.id] = before
    return sorted(best.values(), key=_strength)[:MOST_MATCHES]


def _strength(match: Match) -> tuple[int, int, float, UUID]:
    distance = BITS if match.distance is None else match.distance
    return _ORDER[match.tier], distance, -(match.share or 0), match.work.id


def tier_of(distance: int) -> Tier | None:
    """What Content-Codes so many bits apart say."""
    if distance <= NEAR:
        return Tier.NEAR
    return Tier.REVIEW if distance <= REVIEW else None


def share(one: Winnowed, other: Winnowed) -> float | None:
    """The share of the shorter text that is in the longer, estimated over the prints that both
    could have; None where they have next to nothing in common."""
    every = max(one.every, other.every)
    ours, theirs = one.sieved(every).hashes, other.sieved(every).hashes
    common = len(ours & theirs)
    if common < FEWEST_COMMON:
        return None
    found = common / min(len(ours), len(theirs))
    return found if found >= LEAST_SHARE else None


def passages(own: Winnowed, other: Winnowed) -> list[Passage]:
    """What `own` shares with `other`, the longest first, at most `MOST_PASSAGES`. Prints stand for
    passages where they follow one another in both; the ends are accurate to a window."""
    reach = 2 * (WINDOW + GRAM) * max(own.every, other.every)
    places: dict[int, list[int]] = {}
    for each in other.prints:
        places.setdefault(each.hash, []).append(each.at)
    found = list[Passage]()
    last: Passage | None = None
    for each in own.prints:
        there = places.get(each.hash)
        if there is None:
            continue
        if last is not None and each.at + GRAM - last.end <= reach:
            ahead = [at for at in there if 0 < at + GRAM - last.other_end <= reach]
            if ahead:
                last = replace(last, end=each.at + GRAM, other_end=min(ahead) + GRAM)
                found[-1] = last
                continue
        last = Passage(each.at, each.at + GRAM, there[0], there[0] + GRAM)
        found.append(last)
    long = [each for each in found if each.end - each.begin > GRAM]
    return sorted(long, key=lambda each: each.begin - each.end)[:MOST_PASSAGES]
