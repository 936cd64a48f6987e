"""A teacher's lesson on its way into the catalogue, through the gateway and the real processes."""

import asyncio
import base64
import hashlib
import io
import json
import secrets
import time
from collections.abc import AsyncIterator
from fractions import Fraction
from typing import Any, cast
from urllib.parse import urlsplit

import av
import httpx2
import pikepdf
import pytest
from PIL import Image
from pptx import Presentation

from services.identity.demonstration.sign_in import access_token
from tests.conformance.demonstration import Demonstration, demonstrated
from tests.conftest import Stack
from tests.hostile import pdfs
from tests.service.catalog.resources import COMPLETE

MIB = 1 << 20
INSPECTED_SECONDS = 20.0
PHONE = "13812345678"


class Teacher:
    """Somebody with a token: at the gateway, and straight at the object store."""

    def __init__(self, stack: Stack, token: str) -> None:
        headers = {"authorization": f"Bearer {token}"}
        self.api = httpx2.AsyncClient(
            base_url=f"{stack.gateway}/catalog/v1/", headers=headers, timeout=20, trust_env=False
        )
        self.store = httpx2.AsyncClient(timeout=20, trust_env=False)
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        [self.organisation] = [
            path for role, _, path in (each.partition("@") for each in claims["grants"])
        ]

    async def close(self) -> None:
        await self.api.aclose()
        await self.store.aclose()

    async def told(self, method: str, path: str, status: int = 200, **sent: Any) -> Any:
        answer = await self.api.request(method, path, **sent)
        assert answer.status_code == status, f"{method} {path}: {answer.text}"
        return answer.json()

    async def begin(self, filename: str, media_type: str, content: bytes) -> Any:
        body = {
            "filename": filename,
            "media_type": media_type,
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "organisation": self.organisation,
        }
        return await self.told("POST", "uploads", 201, json=body)

    async def send(self, part: Any, content: bytes) -> None:
        piece = content[part["offset"] : part["offset"] + part["length"]]
        assert (await self.store.put(part["url"], content=piece)).status_code == 200

    async def send_half(self, part: Any, content: bytes) -> None:
        """The connection breaks in the middle of the part."""

        async def half() -> AsyncIterator[bytes]:
            yield content[part["offset"] : part["offset"] + part["length"] // 2]
            raise ConnectionAbortedError

        headers = {"content-length": str(part["length"])}
        with pytest.raises(ConnectionAbortedError):
            await self.store.put(part["url"], content=half(), headers=headers)

    async def upload(self, filename: str, media_type: str, content: bytes) -> str:
        """Bring it all in; the id."""
        begun = await self.begin(filename, media_type, content)
        for part in begun["parts"]:
            await self.send(part, content)
        await self.told("POST", f"uploads/{begun['id']}/complete")
        return str(begun["id"])

    async def inspected(self, upload_id: str) -> Any:
        deadline = time.monotonic() + INSPECTED_SECONDS
        while True:
            told = await self.told("GET", f"uploads/{upload_id}")
            if told["state"] != "COMPLETED":
                return told
            assert time.monotonic() < deadline, told
            await asyncio.sleep(0.1)


@pytest.fixture(scope="module")
async def province(stack: Stack) -> Demonstration:
    return await demonstrated(stack)


async def signed_in(stack: Stack, province: Demonstration, username: str) -> Teacher:
    client, password = province.client, province.password(username)
    return Teacher(stack, await access_token(province.issuer, client, username, password))


@pytest.fixture
async def teacher(stack: Stack, province: Demonstration) -> AsyncIterator[Teacher]:
    teacher = await signed_in(stack, province, "teacher01")
    yield teacher
    await teacher.close()


@pytest.fixture
async def other(stack: Stack, province: Demonstration) -> AsyncIterator[Teacher]:
    other = await signed_in(stack, province, "teacher02")
    yield other
    await other.close()


def slides() -> bytes:
    deck, target = Presentation(), io.BytesIO()
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    slide.shapes.title.text = "分数的初步认识"
    slide.placeholders[1].text = f"把一张纸平均分成两份，每份是它的二分之一。{secrets.token_hex(8)}"
    deck.save(target)
    return target.getvalue()


def handout() -> bytes:
    def entitle(document: pikepdf.Pdf) -> None:
        document.docinfo["/Title"] = secrets.token_hex(8)

    return pdfs.changed(entitle, pages=3)


def film() -> bytes:
    """Of noise, so that it is larger than one PUT takes."""
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as output:
        picture: Any = output.add_stream("libx264", rate=10)
        picture.width, picture.height, picture.pix_fmt = 640, 480, "yuv420p"
        picture.options = {"preset": "ultrafast", "qp": "4"}
        for number in range(25):
            noise = Image.frombytes("RGB", (640, 480), secrets.token_bytes(3 * 640 * 480))
            frame: Any = cast(Any, av.VideoFrame).from_image(noise)
            frame.pts, frame.time_base = number, Fraction(1, 10)
            output.mux(picture.encode(frame))
        output.mux(picture.encode(None))
    return target.getvalue()


async def _through_a_break(teacher: Teacher, content: bytes) -> str:
    begun = await teacher.begin("实验.mp4", "video/mp4", content)
    first, *rest = begun["parts"]
    assert rest, "the film came in one part"
    await teacher.send(first, content)
    await teacher.send_half(rest[0], content)
    path = f"uploads/{begun['id']}"
    refused = await teacher.told("POST", f"{path}/complete", 409)
    assert refused["missing"] == [part["number"] for part in rest]
    resumed = await teacher.told("GET", path)
    assert resumed["received"] == [1]
    for part in resumed["parts"]:
        await teacher.send(part, content)
    await teacher.told("POST", f"{path}/complete")
    return str(begun["id"])


async def _a_lesson(teacher: Teacher, uploads: list[str]) -> Any:
    """A resource of these files with two defects: no word of its rights, and somebody's phone."""
    terms = (await teacher.told("GET", "dictionaries/subject"))["terms"]
    [subject] = [each["code"] for each in terms if each["name_zh"] == "数学"]
    described = f"{COMPLETE['description']}请致电 {PHONE}。"
    metadata = {**COMPLETE, "subject": subject, "description": described}
    del metadata["rights_basis"]
    roles = ["main", *["supplement"] * (len(uploads) - 1)]
    files = [
        {"upload_id": upload_id, "role": role}
        for upload_id, role in zip(uploads, roles, strict=True)
    ]
    body = {"organisation": teacher.organisation, "metadata": metadata, "files": files}
    return await teacher.told("POST", "resources", 201, json=body)


async def _mended(teacher: Teacher, made: Any) -> Any:
    path = f"resources/{made['id']}"
    found = await teacher.told("POST", f"{path}/check")
    assert not found["passed"]
    pointers = {each["code"]: each["pointer"] for each in found["defects"]}
    assert pointers["no-rights-basis"] == "#/metadata/rights_basis"
    assert pointers["personal-phone"] == "#/metadata/description"
    assert PHONE not in json.dumps(found)
    mended = {k: COMPLETE[k] for k in ("rights_basis", "description")}
    headers = {"if-match": f'"v{made["version"]}"'}
    draft = await teacher.told("PATCH", path, headers=headers, json={"metadata": mended})
    again = await teacher.told("POST", f"{path}/check")
    assert again["passed"]
    assert not {"no-rights-basis", "personal-phone"} & {each["code"] for each in again["defects"]}
    return draft


async def test_a_lesson_goes_from_broken_uploads_to_versions_that_never_change(
    teacher: Teacher, other: Teacher
) -> None:
    contents = [slides(), handout(), film()]
    uploads = [
        await teacher.upload("课件.pptx", "", contents[0]),
        await teacher.upload("讲义.pdf", "application/pdf", contents[1]),
        await _through_a_break(teacher, contents[2]),
    ]
    for upload_id in uploads:
        assert (await teacher.inspected(upload_id))["state"] == "AVAILABLE"

    made = await _a_lesson(teacher, uploads)
    draft = await _mended(teacher, made)
    path = f"resources/{made['id']}"
    headers = {"if-match": f'"v{draft["version"]}"'}
    first = await teacher.told("POST", f"{path}/versions", 201, headers=headers, json={})
    assert first["number"] == 1

    draft = await teacher.told("GET", path)
    headers = {"if-match": f'"v{draft["version"]}"'}
    title = {"metadata": {"title": "认识几分之一"}}
    draft = await teacher.told("PATCH", path, headers=headers, json=title)
    headers = {"if-match": f'"v{draft["version"]}"'}
    await teacher.told("POST", f"{path}/versions", 201, headers=headers, json={"note": "新题目"})
    shown = await teacher.told("GET", f"{path}/versions/2/differences?from=1")
    assert shown["metadata"] == [
        {"pointer": "/title", "before": COMPLETE["title"], "after": "认识几分之一"}
    ]

    for position, content in enumerate(contents):
        answer = await teacher.api.get(f"{path}/content?file={position}")
        assert answer.status_code == 302, answer.text
        file = await teacher.store.get(answer.headers["location"])
        assert hashlib.sha256(file.content).digest() == hashlib.sha256(content).digest()

    upload = f"uploads/{uploads[0]}"
    for hidden in (
        *(path, f"{path}/content", f"{path}/versions", f"{path}/versions/1", f"{path}/metadata"),
        *(f"{path}/derivatives", f"{path}/qr.svg", f"{path}/versions/2/differences?from=1"),
        *(upload, f"{upload}/parts", f"{upload}/content", f"codes/{made['code']}"),
    ):
        assert (await other.api.get(hidden)).status_code == 404, hidden
    assert (await other.api.post(f"{path}/check")).status_code == 404
    assert (await other.api.delete(upload)).status_code == 404
    assert (await other.api.delete(path, headers=headers)).status_code == 404


async def test_a_hostile_file_is_refused_with_its_reason_and_nobody_reaches_it(
    teacher: Teacher, other: Teacher
) -> None:
    def script(document: pikepdf.Pdf) -> None:
        document.docinfo["/Title"] = secrets.token_hex(8)
        action = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")
        document.Root.OpenAction = document.make_indirect(action)

    upload_id = await teacher.upload("讲义.pdf", "application/pdf", pdfs.changed(script))
    told = await teacher.inspected(upload_id)
    assert told["state"] == "REFUSED"
    assert told["refusal"][0]["code"]
    path = f"uploads/{upload_id}"
    assert (await teacher.api.get(f"{path}/content")).status_code == 409
    assert (await other.api.get(f"{path}/content")).status_code == 404
    body = {"files": [{"upload_id": upload_id, "role": "main"}], "metadata": {"title": "讲义"}}
    for somebody in (teacher, other):
        assert (await somebody.api.post("resources", json=body)).status_code == 422


async def test_the_store_gives_nothing_to_who_has_no_signed_address(teacher: Teacher) -> None:
    begun = await teacher.begin("讲义.pdf", "application/pdf", handout())
    address = urlsplit(begun["parts"][0]["url"])
    bare = f"{address.scheme}://{address.netloc}{address.path}"
    assert (await teacher.store.get(bare)).status_code == 403
