"""Lists of resources: slim rows, one statement a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from services.catalog.application.organisations import path_named
from services.catalog.application.resources import READ_DRAFTS
from services.catalog.domain.lifecycle import State
from shared.errors import Forbidden, Unauthenticated
from shared.principal import Principal

Row = Mapping[str, Any]
"""``id``, ``code``, ``title``, ``stage``, ``subject``, ``grades``, ``edition``, ``types``,
``licence``, ``state``, ``live_version``, ``updated_at``"""


@dataclass(frozen=True, slots=True)
class Filters:
    """Codes that must be those of an item, or among them."""

    stage: str | None = None
    subject: str | None = None
    grade: str | None = None
    type: str | None = None
    state: State | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose resources: those of ``owner``, or all at and below ``path``, as their drafts are; with
    neither, what everybody may read, as it was published."""

    owner: str | None = None
    path: str | None = None


class ResourceLists(Protocol):
    async def path_of(self, label: str) -> str | None:
        """See `OrganisationPaths`."""
        ...

    async def page(
        self, scope: Scope, filters: Filters, limit: int, before: UUID | None
    ) -> Sequence[Row]:
        """The newest first, in one statement."""
        ...


class Lists:
    def __init__(self, reads: ResourceLists) -> None:
        self._reads = reads

    async def page(
        self,
        caller: Principal | None,
        *,
        mine: bool,
        organisation: str | None,
        filters: Filters,
        limit: int,
        before: UUID | None,
    ) -> Sequence[Row]:
        """At most `limit` resources made before the one with the id `before`, the newest first.

        Raises `Unauthenticated` and `Forbidden` for drafts that are not the caller's to see.
        """
        scope = Scope()
        if mine or organisation is not None:
            if caller is None:
                raise Unauthenticated("Sign in to see drafts.", zh="请登录后查看草稿。")
            if READ_DRAFTS.scope not in caller.scopes:
                raise Forbidden(
                    f"The token lacks the scope {READ_DRAFTS.scope}.",
                    zh=f"令牌缺少权限范围 {READ_DRAFTS.scope}。",
                )
            path = None
            if organisation is not None:
                path = await path_named(self._reads, caller, organisation)
                if not mine:
                    READ_DRAFTS.admit(caller, path)
            scope = Scope(caller.subject if mine else None, path)
        return await self._reads.page(scope, filters, limit, before)
