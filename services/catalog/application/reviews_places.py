"""Places in what is judged: an element of the metadata, or a file and perhaps a page of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.catalog.application.metadata import Metadata
from services.catalog.application.resources import ResourceStore
from services.catalog.application.resources_files import Attachable
from services.catalog.domain.resources import Attachment, Content
from services.catalog.domain.reviews import Case, PlacesRefused
from services.catalog.domain.uploads import HELD
from shared.context import worded
from shared.principal import Principal

_BAD_ESCAPE = re.compile(r"~(?![01])")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_COUNTS = ("pages", "slides", "sheets")


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
        return place.file < len(content.files) and _has_page(content.files[place.file], place.page)
    if place.pointer is None or _BAD_ESCAPE.search(place.pointer):
        return False
    path = [each.replace("~1", "/").replace("~0", "~") for each in place.pointer.split("/")[1:]]
    # An element that is missing may be what is asked for.
    found: Any = {**dict.fromkeys(Metadata.model_fields), **content.metadata}
    for name in path:
        if isinstance(found, list):
            if not _INDEX.fullmatch(name) or int(name) >= len(found):
                return False
            found = found[int(name)]
        elif isinstance(found, dict) and name in found:
            found = found[name]
        else:
            return False
    return True


def _has_page(file: Attachment, page: int | None) -> bool:
    """As far as inspection could count its pages."""
    facts = file.facts or {}
    count = next((facts[each] for each in _COUNTS if each in facts), None)
    return page is None or count is None or page <= count
