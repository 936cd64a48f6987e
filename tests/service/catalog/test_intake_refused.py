"""Bulk intake with files that inspection refused: only their own rows fail."""

from collections.abc import Callable

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from services.catalog.adapters.objects import object_store
from services.catalog.settings import Settings
from tests.service.catalog.test_intake import Office, archive, build_all, table
from tests.service.house import Token

MACRO = {"code": "macro", "where": "坏.pdf", "detail": "It contains macros."}


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return build_all


@pytest.fixture
def office(
    app: FastAPI,
    settings: Settings,
    client: httpx2.AsyncClient,
    owner: asyncpg.Connection,
    token: Token,
) -> Office:
    made = Office(client, owner, token, object_store(settings))
    made.employ(settings, app.state.runtime)
    return made


async def test_a_refused_file_fails_its_row_alone(office: Office) -> None:
    good = await office.upload(filename="好.pdf")
    bad = await office.upload(filename="坏.pdf", state="REFUSED", refusal=[MACRO])
    sheet = await office.sheet(table(("1", "一", "", "好.pdf"), ("2", "二", "", "坏.pdf")))
    begun = await office.begin(
        table_upload_id=sheet, uploads=[{"upload_id": good}, {"upload_id": bad}]
    )
    done = await office.finish(begun)
    assert (done["counts"]["created"], done["counts"]["rejected"]) == (1, 1)
    (row,) = await office.rows(begun, "?outcome=rejected")
    assert "macros" in row["defects"][0]["detail"]
    whole = await office.ask(table_upload_id=bad)
    assert [each["pointer"] for each in whole.json()["errors"]] == ["#/table_upload_id"]


async def test_an_archive_refused_for_a_file_in_it_fails_the_rows_of_that_file_alone(
    office: Office,
) -> None:
    files = {"好.pdf": b"good", "坏.pdf": b"MZ", "空.pdf": b""}
    content = archive(files)
    zipped = {"filename": "课件.zip", "media_type": "application/zip", "state": "REFUSED"}
    sheet = await office.sheet(table(*((name, name, "", name) for name in files)))
    upload = await office.upload(content, refusal=[MACRO], **zipped)
    begun = await office.begin(table_upload_id=sheet, archive_upload_id=upload)
    done = await office.finish(begun, refused="坏")
    counts = done["counts"]
    assert (done["state"], counts["created"], counts["rejected"]) == ("DONE", 1, 2)

    for code, where in (("bomb", "a.pdf"), ("damaged", ""), ("malware", "Eicar")):
        told = [{**MACRO, "code": code, "where": where}]
        whole = await office.upload(content + code.encode(), refusal=told, **zipped)
        answer = await office.ask(table_upload_id=sheet, archive_upload_id=whole)
        assert answer.status_code == 422, code


async def test_a_dry_run_rejects_the_rows_that_a_real_run_would(office: Office) -> None:
    files = {"好.pdf": b"1", "坏.pdf": b"2", "内.pptx": b"3", "坏.pdf.txt": b"4", "包.zip": b"5"}
    told = [
        MACRO,
        {**MACRO, "where": "内.pptx/ppt/vbaProject.bin"},
        {**MACRO, "where": "包.zip", "code": "nested-archive"},
    ]
    upload = await office.upload(
        archive(files),
        filename="课件.zip",
        media_type="application/zip",
        state="REFUSED",
        refusal=told,
    )
    sheet = await office.sheet(table(*((name, name, "", name) for name in files)))
    begun = await office.begin(table_upload_id=sheet, archive_upload_id=upload, dry_run=True)
    counts = (await office.finish(begun))["counts"]
    assert (counts["created"], counts["rejected"]) == (3, 2)
    rows = await office.rows(begun, "?outcome=rejected")
    assert all("macros" in row["defects"][0]["detail"] for row in rows)


async def test_an_archive_with_a_trick_in_it_is_refused_as_a_whole(office: Office) -> None:
    sheet = await office.sheet(table(("1", "一", "", "好.pdf")))
    upload = await office.upload(
        archive({"好.pdf": b"good", "../坏.pdf": b"bad"}),
        filename="课件.zip",
        media_type="application/zip",
        state="REFUSED",
        refusal=[{**MACRO, "code": "path-trick"}],
    )
    begun = await office.begin(table_upload_id=sheet, archive_upload_id=upload)
    done = await office.finish(begun)
    assert (done["state"], done["rows"]) == ("FAILED", 0)
    assert "压缩包" in done["failure"]
