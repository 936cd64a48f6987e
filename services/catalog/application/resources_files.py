"""Uploads as files of a resource: who may attach which, and what is known of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol
from uuid import UUID

from services.catalog.domain.files import Refusal
from services.catalog.domain.resources import Attachment, AttachmentsRefused, FileReference
from services.catalog.domain.uploads import HELD
from services.catalog.domain.uploads import State as UploadState
from shared.access import Role, Rule
from shared.context import worded
from shared.principal import Principal

WRITE = Rule("catalog.write", frozenset({Role.TEACHER, Role.ADMINISTRATOR}))


@dataclass(frozen=True, slots=True)
class Attachable:
    """An upload that somebody may want to attach. ``media_type`` is found by content once the
    upload is available, claimed before."""

    id: UUID
    owner: str
    organisation_path: str | None
    state: UploadState
    filename: str
    media_type: str
    size: int
    sha256: bytes
    refusal: Sequence[Refusal]
    facts: Mapping[str, Any] | None = None


class UploadReads(Protocol):
    async def attachable(self, upload_ids: Collection[UUID]) -> Mapping[UUID, Attachable]:
        """Those of the uploads that there are."""
        ...


async def attach(
    store: UploadReads,
    caller: Principal,
    files: Sequence[FileReference],
    held: Sequence[Attachment],
) -> tuple[Attachment, ...]:
    """`files` with what is known of their uploads; those already `held` are not asked again.

    An upload is attached by whoever uploaded it, or by whoever may write at the organisation it was
    uploaded for, once all its bytes have arrived. Raises `AttachmentsRefused` with every defect.
    """
    holding = {each.reference.upload_id: each for each in held}
    asked = {each.upload_id for each in files} - holding.keys()
    uploads = await store.attachable(asked) if asked else {}
    attached, errors = list[Attachment](), list[dict[str, str]]()
    seen: set[UUID] = set()
    for index, each in enumerate(files):
        old, upload = holding.get(each.upload_id), uploads.get(each.upload_id)
        reason = _twice() if each.upload_id in seen else None
        seen.add(each.upload_id)
        if reason is None and old is None:
            reason = _refusal(caller, upload)
        if reason is not None:
            errors.append({"pointer": f"#/files/{index}/upload_id", "detail": reason})
        elif known_file := old or upload:
            attached.append(
                Attachment(
                    each,
                    known_file.sha256,
                    known_file.filename,
                    known_file.media_type,
                    known_file.size,
                    known_file.facts,
                )
            )
    if errors:
        raise AttachmentsRefused(
            "Correct the files named in errors.", zh="请改正 errors 所列的文件。", errors=errors
        )
    return tuple(attached)


async def refreshed(store: UploadReads, files: Sequence[Attachment]) -> tuple[Attachment, ...]:
    """`files` with the media types that inspection found since they were attached."""
    uploads = await store.attachable([each.reference.upload_id for each in files])
    return tuple(
        replace(each, media_type=found.media_type, facts=found.facts)
        if (found := uploads.get(each.reference.upload_id))
        else each
        for each in files
    )


def _twice() -> str:
    return worded("The upload is attached twice.", "该上传被重复引用。")


def _refusal(caller: Principal, upload: Attachable | None) -> str | None:
    """Why `upload` cannot be attached by `caller`, or None."""
    if upload is None or not (
        upload.owner == caller.subject
        or (upload.organisation_path and WRITE.holds(caller, upload.organisation_path))
    ):
        return worded("You have no upload with that id.", "您没有这个上传。")
    if upload.state is UploadState.REFUSED:
        told = [worded(each["detail"], each.get("detail_zh", "")) for each in upload.refusal]
        return worded("Inspection refused it:", "文件未通过检查：") + " ".join(told)
    if upload.state not in HELD:
        return worded("Complete the upload first.", "请先完成上传。")
    return None
