"""What would stop the owner of a draft from freezing or submitting it, told before they try."""

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from services.catalog.application.checks import Checks
from services.catalog.application.resources import ResourceStore, Shown
from services.catalog.application.resources_files import refreshed
from services.catalog.application.reviews_ports import ReviewStore
from services.catalog.domain.lifecycle import Action, allowed
from services.catalog.domain.resources import Content, Resource, Viewer
from services.catalog.domain.versions import digest_of


class Prospects:
    """A constant number of statements, and no text of a file is read for it."""

    def __init__(
        self,
        resources: Callable[[AsyncConnection], ResourceStore],
        reviews: Callable[[AsyncConnection], ReviewStore],
        checks: Checks,
    ) -> None:
        self._resources = resources
        self._reviews = reviews
        self._checks = checks

    async def foresee(self, connection: AsyncConnection, shown: Shown, viewer: Viewer) -> Shown:
        """`shown` with what stands in the way of what its owner could do but for that."""
        open_to_owner, _ = allowed(shown.situation, (Action.FREEZE, Action.SUBMIT))
        if not open_to_owner:
            return shown
        resource, store = shown.resource, self._resources(connection)
        has_errors = await self._checks.finds_errors(connection, resource, viewer)
        is_frozen = is_judged = False
        if resource.latest_version:
            files = await refreshed(store, resource.draft.files)
            digest = digest_of(Content(resource.draft.metadata, files))
            latest = await store.version(resource.id, resource.latest_version)
            is_frozen = latest is not None and latest.digest == digest
            is_judged = await was_judged(store, self._reviews(connection), resource, digest)
        now = replace(
            shown.situation, has_errors=has_errors, is_frozen=is_frozen, is_judged=is_judged
        )
        return replace(shown, situation=now)


async def was_judged(
    store: ResourceStore, reviews: ReviewStore, resource: Resource, digest: bytes
) -> bool:
    """Whether content of that digest is live, or was rejected or sent back."""
    live = (
        await store.version(resource.id, resource.live_version) if resource.live_version else None
    )
    if live is not None and live.digest == digest:
        return True
    return await reviews.was_refused(resource.id, digest)
