"""The small copies of identity's people and organisations and of the catalogue's resources, kept by
their events."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Protocol
from uuid import UUID

from services.learning.domain.directory import (
    KnownResource,
    Member,
    Organisation,
    Standing,
    within,
)
from shared.access import Role, grants_of
from shared.errors import Forbidden
from shared.principal import Principal

STAFF = frozenset({Role.TEACHER, Role.ADMINISTRATOR})
"""Who works in every space below the place of their role."""


class Directory(Protocol):
    """Reads, each in one statement. Of what no event has told yet it knows nothing."""

    async def organisation(self, id_: UUID) -> Organisation | None: ...

    async def organisation_at(self, path: str) -> Organisation | None: ...

    async def path_of(self, label: str) -> str | None:
        """Where the open organisation with that label stands."""
        ...

    async def class_members(self, path: str, day: date) -> Sequence[str]:
        """The pupils at and below `path` on `day`, each once, sorted."""
        ...

    async def members(
        self, path: str, day: date, limit: int, after: tuple[str, UUID]
    ) -> Sequence[Member]:
        """Who belongs at or below `path` on `day`, by person and key, behind `after`."""
        ...

    async def homes(self, people: Sequence[str], day: date) -> Sequence[Organisation]:
        """The open organisations that one of `people` belongs to or holds a role at, by path."""
        ...

    async def is_member(self, person: str, path: str, day: date) -> bool:
        """Whether `person` belongs at or below `path` on `day`."""
        ...

    async def has_member(self, people: Sequence[str], path: str, day: date) -> bool:
        """Whether one of `people` belongs at or below `path` on `day`."""
        ...

    async def at_and_above(
        self, paths: Sequence[str], kinds: Sequence[str], limit: int, after: str
    ) -> Sequence[Organisation]:
        """The open organisations of those kinds at or above one of `paths`, by path, behind
        `after`."""
        ...

    async def children(self, guardian: str) -> Sequence[str]:
        """Whose verified guardian `guardian` is, sorted; who is restricted by court order is
        none."""
        ...

    async def guardians(self, child: str) -> Sequence[str]:
        """The verified guardians of `child`, sorted; who is restricted by court order is none."""
        ...

    async def resource_state(self, ids: Sequence[UUID]) -> Mapping[UUID, KnownResource]:
        """Those that were ever published."""
        ...


class DirectoryStore(Directory, Protocol):
    """Keeps what events tell; a fact that is told twice is kept once."""

    async def put_organisation(self, fact: Mapping[str, Any]) -> None: ...

    async def move(self, old_path: str, path: str) -> None:
        """Put what is at and below `old_path`, and all that belongs there, to the new place."""
        ...

    async def close(self, path: str) -> None:
        """The organisation at `path` and all below it are closed."""
        ...

    async def put_member(self, fact: Mapping[str, Any]) -> None: ...

    async def put_role(self, fact: Mapping[str, Any]) -> None: ...

    async def put_guardianship(self, fact: Mapping[str, Any]) -> None: ...

    async def drop_guardianship(self, fact: Mapping[str, Any]) -> None: ...

    async def put_consent(self, fact: Mapping[str, Any]) -> None: ...

    async def drop_consent(self, consent_id: UUID) -> None: ...

    async def publish(self, fact: Mapping[str, Any]) -> None: ...

    async def judge(self, fact: Mapping[str, Any], standing: Standing) -> None:
        """The resource has that standing from now on."""
        ...

    async def forget(self, person: str) -> None:
        """Nothing is known of `person` any more."""
        ...


def teaches(caller: Principal, path: str, subject: str | None = None) -> bool:
    """Whether the caller's token says that they teach at `path`; with a `subject`, that one."""
    return any(
        each.role is Role.TEACHER
        and each.covers(path)
        and (subject is None or each.subject in (None, subject))
        for each in grants_of(caller)
    )


async def sees(directory: Directory, caller: Principal, path: str, day: date) -> bool:
    """Whether the caller works at or above `path`, holds a person's role at or below it, or belongs
    there, as a guardian by a child."""
    grants = [each for each in grants_of(caller) if each.role is not Role.INTEGRATOR]
    if any(each.role in STAFF and each.covers(path) for each in grants):
        return True
    if any(within(each.path, path) for each in grants):
        return True
    people = [caller.subject, *await directory.children(caller.subject)]
    return await directory.has_member(people, path, day)


async def path_named(directory: Directory, caller: Principal, name: str) -> str:
    """The path of the organisation with that short code or label, or once at that path; while its
    event has not arrived, as the caller's own grants tell it.

    Raises `Forbidden`: of what is not theirs the caller learns nothing.
    """
    label = name.rpartition(".")[2].replace("-", "").upper()
    path = await directory.path_of(label)
    if path is None:
        granted = (grant.path for grant in grants_of(caller) if grant.organisation == label)
        path = next(granted, None)
    if path is None:
        raise Forbidden("You have no role at that organisation.", zh="您在该机构没有相应角色。")
    return path
