import re
from base64 import b64decode
from collections.abc import Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from html import escape, unescape
from xml.etree import ElementTree as Xml

from services.catalog.adapters.objects_calls import Answer, Calls
from services.catalog.domain.uploads import UNKNOWN
from services.catalog.settings import Settings
from shared.presigning import Presigner
from shared.s3 import S3ObjectStore
from shared.storage import (
    ObjectInfo,
    ObjectStoreUnavailable,
    Part,
    PartsRejected,
    UploadMissing,
)

_OK, _NOT_FOUND = 200, 404
_PARTS_CODES = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall", "MalformedXML"})
_CODE = re.compile(rb"<Code>([^<]*)</Code>")
_REGION = "us-east-1"


class CatalogObjects(S3ObjectStore):
    """The object store, with a short way for what is asked of it at each upload."""

    def __init__(
        self, *, endpoint: str, origin: str, access_key: str, secret_key: str, bucket: str
    ) -> None:
        super().__init__(
            endpoint=endpoint,
            origin=origin,
            access_key=access_key,
            secret_key=secret_key,
            bucket=bucket,
        )
        presigner = Presigner(
            origin=endpoint,
            access_key=access_key,
            secret_key=secret_key,
            bucket=bucket,
            region=_REGION,
        )
        self._calls = Calls(endpoint, presigner)

    async def create_multipart(self, key: str, content_type: str) -> str:
        headers = {"content-type": content_type} if content_type else {}
        answer = await self._calls.call("POST", key, {"uploads": ""}, headers=headers)
        return _fields(_document(key, answer))["UploadId"]

    async def list_parts(self, key: str, upload_id: str) -> tuple[Part, ...]:
        """The parts that have arrived, by number and size, the latest of each.

        Times are told in whole seconds. Where two with other bytes arrived within the same one,
        nobody can tell which is the later: they are listed as one without an ETag.
        """
        latest: dict[tuple[int, int], tuple[str, set[Part]]] = {}
        asked = {"uploadId": upload_id}
        while True:
            page = _document(key, await self._calls.call("GET", key, asked))
            for told in map(_fields, page):
                if "PartNumber" not in told:
                    continue
                etag = told["ETag"].strip('"')
                part = Part(int(told["PartNumber"]), etag, int(told["Size"]))
                number, arrived = part.number, told.get("LastModified", "")
                last, parts = latest.setdefault((number, part.size), (arrived, set()))
                if arrived > last:
                    latest[number, part.size] = arrived, {part}
                elif arrived == last:
                    parts.add(part)
            around = _fields(page)
            if around.get("IsTruncated") != "true":
                return tuple(
                    parts.pop() if len(parts) == 1 else Part(number, UNKNOWN, size)
                    for (number, size), (_, parts) in sorted(latest.items())
                )
            asked = {**asked, "part-number-marker": around["NextPartNumberMarker"]}

    async def complete_multipart(self, key: str, upload_id: str, parts: Sequence[Part]) -> None:
        named = "".join(
            f"<Part><PartNumber>{each.number}</PartNumber><ETag>{escape(each.etag)}</ETag></Part>"
            for each in parts
        )
        body = f"<CompleteMultipartUpload>{named}</CompleteMultipartUpload>".encode()
        headers = {"content-type": "application/xml"}
        asked = {"uploadId": upload_id}
        answer = await self._calls.call("POST", key, asked, body=body, headers=headers)
        # S3 may answer 200 before it begins, and tell of a failure in the body.
        if answer.status != _OK or b"<ETag>" not in answer.body:
            raise _failure(key, answer)

    async def head(self, key: str) -> ObjectInfo | None:
        answer = await self._calls.call("HEAD", key, {"x-amz-checksum-mode": "ENABLED"})
        if answer.status == _NOT_FOUND:
            return None
        if answer.status != _OK:
            raise _failure(key, answer)
        return ObjectInfo(
            key=key,
            size=int(answer.headers["content-length"]),
            etag=answer.headers.get("etag", "").strip('"'),
            last_modified=_when(answer),
            content_type=answer.headers.get("content-type"),
            sha256=_whole_hash(answer.headers.get("x-amz-checksum-sha256", "-")),
        )

    def close(self) -> None:
        """Close the connections that are kept; another call opens new ones."""
        self._calls.forget()


def object_store(settings: Settings) -> CatalogObjects:
    """The object store that `settings` name."""
    return CatalogObjects(
        endpoint=settings.object_store_endpoint,
        origin=settings.object_store_origin,
        access_key=settings.object_store_access_key,
        secret_key=settings.object_store_secret_key.get_secret_value(),
        bucket=settings.object_store_bucket,
    )


def _whole_hash(checksum: str) -> str | None:
    """As hex, unless there is none or it is a hash of the hashes of parts (`...-3`)."""
    return None if "-" in checksum else b64decode(checksum).hex()


def _when(answer: Answer) -> datetime:
    return parsedate_to_datetime(answer.headers["last-modified"])


def _document(key: str, answer: Answer) -> Xml.Element:
    if answer.status != _OK:
        raise _failure(key, answer)
    return Xml.fromstring(answer.body)  # noqa: S314 - our own store's, not anybody's


def _fields(element: Xml.Element) -> dict[str, str]:
    """The texts in it by name, whatever their namespace."""
    return {each.tag.rpartition("}")[2]: each.text or "" for each in element}


def _failure(key: str, answer: Answer) -> Exception:
    """In the words of the port."""
    found = _CODE.search(answer.body)
    code = unescape(found[1].decode()) if found else ""
    if code == "NoSuchUpload":
        return UploadMissing(key)
    if code in _PARTS_CODES:
        return PartsRejected(code)
    return ObjectStoreUnavailable(
        "The object store is out of reach. Repeat the request.",
        zh="对象存储暂时无法访问，请重试。",
    )
