"""The small copy of identity's tree of organisations, kept by its events."""

from collections.abc import Mapping
from typing import Any, Protocol

from shared.access import grants_of
from shared.errors import Forbidden
from shared.principal import Principal


class OrganisationPaths(Protocol):
    async def path_of(self, label: str) -> str | None:
        """Where the open organisation with that label stands, or None while none is known."""
        ...


class OrganisationStore(OrganisationPaths, Protocol):
    async def put(self, fact: Mapping[str, Any]) -> None:
        """Keep what an event tells: ``path``, ``name``, ``kind``."""
        ...

    async def move(self, old_path: str, path: str) -> None:
        """Put it, all below it, and all that belongs to any of them, to the new place."""
        ...

    async def close(self, path: str) -> None:
        """It and all below it are closed."""
        ...


async def path_named(paths: OrganisationPaths, caller: Principal, name: str) -> str:
    """The path of the organisation with that short code or label, or once at that path; while its
    event has not arrived, as the caller's own grants tell it.

    Raises `Forbidden`: of what is not theirs the caller learns nothing.
    """
    label = name.rpartition(".")[2].replace("-", "").upper()
    path = await paths.path_of(label)
    if path is None:
        granted = (grant.path for grant in grants_of(caller) if grant.organisation == label)
        path = next(granted, None)
    if path is None:
        raise Forbidden("You have no role at that organisation.", zh="您在该机构没有相应角色。")
    return path
