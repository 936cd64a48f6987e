"""References to resources of the catalogue: what may be pinned, and what became of it."""

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from services.learning.domain.directory import KnownResource, Standing
from shared.errors import DomainError


class ReferencesRefused(DomainError):
    """Some references cannot be kept; ``errors`` lists each with its reason."""


class Availability(StrEnum):
    """Whether a reference leads anywhere now."""

    AVAILABLE = "AVAILABLE"
    SUSPENDED = "SUSPENDED"
    RETIRED = "RETIRED"
    UNKNOWN = "UNKNOWN"


class Reference(NamedTuple):
    """``number`` is the version it is pinned to; None follows the live one."""

    resource_id: UUID
    number: int | None


class Flaw(NamedTuple):
    """What is wrong with the reference at ``place``: the member, in English and in Chinese."""

    place: int
    member: str
    en: str
    zh: str


class Outlook(NamedTuple):
    """``live`` is the version that everybody reads now, None where there is none."""

    availability: Availability
    live: int | None


_AVAILABILITY = {
    Standing.LIVE: Availability.AVAILABLE,
    Standing.SUSPENDED: Availability.SUSPENDED,
    Standing.RETIRED: Availability.RETIRED,
}


def outlook(resource: KnownResource | None) -> Outlook:
    """What became of a resource."""
    if resource is None:
        return Outlook(Availability.UNKNOWN, None)
    live = resource.live if resource.standing is Standing.LIVE else None
    return Outlook(_AVAILABILITY[resource.standing], live)


def flaws(
    references: Sequence[Reference],
    held: Collection[Reference],
    known: Mapping[UUID, KnownResource],
) -> list[Flaw]:
    """Every reference that cannot be made anew. Those that are `held` already may stay, whatever
    became of their resources; a resource is there once."""
    found: list[Flaw] = []
    seen: set[UUID] = set()
    for place, each in enumerate(references):
        resource = known.get(each.resource_id)
        if each.resource_id in seen:
            found.append(
                Flaw(place, "resource_id", "The resource is there twice.", "该资源被重复引用。")
            )
        elif each not in held:
            if resource is None or resource.standing is not Standing.LIVE:
                en, zh = "There is no such published resource.", "没有该已发布资源。"
                found.append(Flaw(place, "resource_id", en, zh))
            elif each.number is not None and each.number not in resource.published:
                en, zh = "No such version was ever published.", "该资源没有发布过这个版本。"
                found.append(Flaw(place, "version", en, zh))
        seen.add(each.resource_id)
    return found
