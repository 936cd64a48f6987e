"""What publication does: who reads what, what the neighbours and the feed are told, once."""

import hashlib
from collections.abc import Callable

import asyncpg
import pytest
from fastapi import FastAPI

from services.catalog.domain.lifecycle import ActionRefused
from services.catalog.domain.publication import FilesUnfit
from services.catalog.parts import changes
from services.catalog.settings import Settings
from tests.service.catalog.conftest import only
from tests.service.catalog.publication import Follower, Office, build_publication, office
from tests.service.catalog.resources import SCHOOL, URL, build_resources

__all__ = ["office"]


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    return only(build_resources, build_publication, changes.build)


async def test_everybody_reads_what_was_published_and_nothing_else(office: Office) -> None:
    made = await office.finished()
    assert (await office.freeze(made)).status_code == 201
    url = f"{URL}/{made['id']}"
    assert (await office.client.get(url)).status_code == 404
    await office.approve(made)
    told = (await office.client.get(url)).json()
    assert (told["state"], told["live_version"], told["number"]) == ("PUBLISHED", 1, 1)
    await office.patch(await office.read(made), {"metadata": {"title": "下一版"}})
    assert (await office.client.get(url)).json()["metadata"]["title"] == "分数的初步认识"
    assert (await office.client.get(f"{url}?version=2")).status_code == 404


async def test_the_neighbours_hear_which_files_under_which_rights(office: Office) -> None:
    made = await office.published()
    [(kind, told)] = await office.events(made)
    [file] = made["files"]
    assert kind == "catalog.resource.published.v1"
    [heard] = told.pop("files")
    sm3 = hashlib.new("sm3", bytes.fromhex(file["sha256"])).hexdigest()
    assert heard == {
        "path": file["filename"],
        "sha256": file["sha256"],
        "sm3": sm3,
        "size": file["size"],
        "iscc": None,
    }
    assert told.pop("texts") == []
    assert told == {
        "resource_id": made["id"],
        "version": 1,
        "code": made["code"],
        "owner": office.subject,
        "organisation_path": SCHOOL,
        "title_sha256": hashlib.sha256("分数的初步认识".encode()).hexdigest(),
        "licence": "CC-BY-4.0",
        "rights_basis": "own_work",
        "title": "分数的初步认识",
        "types": made["metadata"]["resource_types"],
        "contributors": [
            {"name": each["name"], "role": each["role"]}
            for each in made["metadata"]["contributors"]
        ],
        "licensor": None,
    }


async def test_to_publish_again_changes_nothing(office: Office) -> None:
    made = await office.published()
    tables = ("publications", "changes", "outbox", "audit")
    counts = [await office.owner.fetchval(f"SELECT count(*) FROM {each}") for each in tables]  # noqa: S608 - constant names
    assert (await office.approve(made)).version == made["version"]
    again = [await office.owner.fetchval(f"SELECT count(*) FROM {each}") for each in tables]  # noqa: S608 - constant names
    assert again == counts


async def test_the_version_before_stays_readable_to_whoever_pinned_it(office: Office) -> None:
    made = await office.published()
    changed = await office.patch(made, {"metadata": {"title": "分数的再认识"}})
    assert (await office.freeze(changed.json())).status_code == 201
    url = f"{URL}/{made['id']}"
    assert (await office.client.get(f"{url}?version=2")).status_code == 404
    await office.approve(made, 2)
    assert (await office.client.get(url)).json()["metadata"]["title"] == "分数的再认识"
    first = await office.client.get(f"{url}?version=1")
    assert first.json()["metadata"]["title"] == "分数的初步认识"
    rows = await office.owner.fetch("SELECT version, digest FROM publications ORDER BY version")
    kept = await office.owner.fetch("SELECT number, digest FROM resource_versions ORDER BY number")
    assert [tuple(each) for each in rows] == [tuple(each) for each in kept]


async def test_nothing_is_published_that_no_review_approved(office: Office, app: FastAPI) -> None:
    made = await office.finished()
    assert (await office.freeze(made)).status_code == 201
    states = ("DRAFT", "SUBMITTED", "MACHINE_REVIEW", "IN_REVIEW", "REJECTED", "WITHDRAWN")
    for state in (*states, "SUSPENDED", "RETIRED"):
        await office.owner.execute("UPDATE resources SET state = $1, live_version = 1", state)
        with pytest.raises(ActionRefused):
            await office.approve(made)


async def test_nothing_is_published_whose_file_is_not_clean(office: Office) -> None:
    made = await office.finished()
    assert (await office.freeze(made)).status_code == 201
    await office.owner.execute("UPDATE files SET state = 'REFUSED'")
    with pytest.raises(FilesUnfit) as refused:
        await office.approve(made)
    assert refused.value.members["files"] == [made["files"][0]["filename"]]
    assert (await office.client.get(f"{URL}/{made['id']}")).status_code == 404
    assert await office.events(made) == []


async def test_the_memory_of_a_publication_is_written_once(office: Office) -> None:
    await office.published()
    for statement in ("UPDATE publications SET version = 2", "DELETE FROM publications"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await office.owner.execute(statement)


async def test_the_feed_tells_of_it(office: Office) -> None:
    made = await office.published()
    follower = Follower(office.client)
    await follower.catch_up(1)
    assert follower.told == [made["code"]]
