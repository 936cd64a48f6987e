"""Places in what is judged: an element of the metadata, or a file and perhaps a page of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.catalog.application.resources import ResourceStore
from services.catalog.application.resources_files import Attachable
from services.catalog.domain.resources import Content
from services.catalog.domain.reviews import Case, PlacesRefused
from services.catalog.domain.uploads import HELD
from shared.context import worded
from shared.principal import Principal


@dataclass(frozen=True, slots=True)
class Place:
    """``pointer`` (RFC 6901) into the metadata, or the ``file`` at that position, from 0, and
    perhaps a ``page`` of it, from 1."""

    pointer: str | None = None
    file: int | None = None
    page: int | None = None

    @property
    def record(self) -> dict[str, Any]:
        told = {"pointer": self.pointer, "file": self.file, "page": self.page}
        return {name: value for name, value in told.items() if value is not None}


async def checked_places(
    store: ResourceStore,
    caller: Principal,
    case: Case,
    places: Sequence[tuple[str, Place]],
    attachments: Sequence[UUID],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """`places`, each with the pointer by which a defect of it is told, and `attachments`, as they
    are kept. Raises `PlacesRefused` with every defect."""
    errors = list[dict[str, str]]()
    if places:
        version = await store.version(case.resource_id, case.number)
        content = version.content if version else Content({})
        errors += [
            {"pointer": told, "detail": worded("What is judged has no such place.", "没有该位置。")}
            for told, place in places
            if not _exists(content, place)
        ]
    uploads = await store.attachable(attachments) if attachments else {}
    kept = list[dict[str, Any]]()
    for index, upload_id in enumerate(attachments):
        upload = uploads.get(upload_id)
        if upload is None or not _is_held(upload, caller):
            detail = worded("You have no such upload that is complete.", "您没有这个已完成的上传。")
            errors.append({"pointer": f"#/attachments/{index}", "detail": detail})
        else:
            kept.append({"upload_id": str(upload_id), "filename": upload.filename})
    if errors:
        raise PlacesRefused(
            "Correct what errors name.", zh="请改正 errors 所列各项。", errors=errors
        )
    return [place.record for _, place in places], kept


def _is_held(upload: Attachable, caller: Principal) -> bool:
    return upload.owner == caller.subject and upload.state in HELD


def _exists(content: Content, place: Place) -> bool:
    if place.file is not None:
        return place.file < len(content.files)
    if place.pointer is None:
        return False
    found: Any = content.metadata
    for name in place.pointer.split("/")[1:]:
        name = name.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list):
            if not name.isdecimal() or int(name) >= len(found):
                return False
            found = found[int(name)]
        elif isinstance(found, dict) and name in found:
            found = found[name]
        else:
            # An element that is missing may be what is asked for.
            return isinstance(found, dict) and found is content.metadata
    return True
