"""The index follows what is published: whatever is lost, late or done twice, it converges."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from services.catalog.adapters.changes import ChangeReader
from services.catalog.adapters.objects import object_store
from services.catalog.adapters.search_published import PublishedReads
from services.catalog.adapters.search_tantivy import TantivyIndex
from services.catalog.application import search_following
from services.catalog.application.search_following import Follower, Indexing
from services.catalog.application.search_language import Language
from services.catalog.domain.changes import BEGINNING
from services.catalog.parts import search
from services.catalog.parts.search_command import reindex
from services.catalog.settings import Settings
from shared import logs
from shared.service import Runtime, application
from tests.conftest import Stack
from tests.service.catalog.search import Shelf, tombstone


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "search"


@pytest.fixture
async def settings(settings: Settings, directory: Path) -> Settings:
    return settings.model_copy(update={"search_directory": str(directory)})


@pytest.fixture
def build() -> Callable[[Settings], FastAPI]:
    def build(settings: Settings) -> FastAPI:
        runtime = Runtime("catalog", settings, {})
        objects = object_store(settings)
        part = search.build(runtime, settings, objects=objects, tombstone=tombstone)
        app = application(runtime, title="", description="", parts=[part], table={})
        app.state.part = part
        return app

    return build


@pytest.fixture
def follower(app: FastAPI) -> Follower:
    found: Follower = app.state.part.follower
    return found


@pytest.fixture
def shelf(settings: Settings, client: httpx2.AsyncClient, owner: asyncpg.Connection) -> Shelf:
    return Shelf(client, owner, object_store(settings))


@pytest.fixture
async def late(stack: Stack, owner: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """One more connection to the test's database."""
    connection = await stack.superuser(await owner.fetchval("SELECT current_database()"))
    yield connection
    await connection.close()


async def test_what_is_published_is_found_within_seconds(
    shelf: Shelf, app: FastAPI, follower: Follower
) -> None:
    following = asyncio.create_task(follower.run())
    try:
        await _until(lambda: _answers(shelf), 20)
        await shelf.put("分数的初步认识")
        feed = ChangeReader(app.state.runtime.reader)
        # The feed tells nothing that an older transaction of the cluster might still precede.
        await _until(lambda: _tells(feed), 20)
        await _until(lambda: _finds(shelf, "分数"), 6)  # two, where nobody else is at work
    finally:
        following.cancel()


async def test_words_that_are_new_are_soon_known_however_they_are_mistyped(
    shelf: Shelf, follower: Follower
) -> None:
    await shelf.put("分数的初步认识")
    await shelf.settle(follower)
    await asyncio.sleep(1)
    await shelf.put("蒹葭苍苍赏析")
    await shelf.settle(follower)
    for typed in ("兼葭苍苍", "jianjiacangcang", "jianjiacancang", "jianjiacangcan"):
        assert await shelf.titles(typed) == ["蒹葭苍苍赏析"], typed


async def test_a_transaction_that_is_overtaken_is_not_missed(
    shelf: Shelf, follower: Follower, late: asyncpg.Connection
) -> None:
    await follower.turn()
    slow = await shelf.put("分数 慢", live=False)
    async with late.transaction():
        await late.execute("UPDATE resources SET live_version = 1 WHERE id = $1", slow)
        await late.execute(
            "INSERT INTO changes (at, kind, resource_id, code, version)"
            " VALUES (now(), 'published', $1, 'R', 1)",
            slow,
        )
        await shelf.put("分数 快")
        await follower.turn()
    await shelf.settle(follower)
    assert set(await shelf.titles("分数")) == {"分数 慢", "分数 快"}


async def test_a_wiped_directory_is_built_again_and_search_goes_on(
    shelf: Shelf, follower: Follower, directory: Path
) -> None:
    await shelf.put("分数的初步认识")
    await shelf.settle(follower)
    shutil.rmtree(directory)
    assert await shelf.titles("分数") == ["分数的初步认识"]
    await shelf.put("分数的意义")
    await shelf.settle(follower)
    assert len(await shelf.titles("分数")) == 2
    assert (directory / "current").is_file()


async def test_a_torn_directory_is_built_again(
    shelf: Shelf, follower: Follower, directory: Path
) -> None:
    await shelf.put("分数的初步认识")
    await shelf.settle(follower)
    [folder] = [each for each in directory.iterdir() if each.is_dir()]
    shutil.rmtree(folder)
    await shelf.settle(follower)
    await shelf.put("分数的意义")
    await shelf.settle(follower)
    assert len(await shelf.titles("分数")) == 2


async def test_an_index_of_another_database_is_built_again(
    shelf: Shelf, app: FastAPI, settings: Settings, directory: Path
) -> None:
    published = PublishedReads(app.state.runtime.reader)
    language = Language()
    indexing = Indexing(published, object_store(settings), language)
    index = TantivyIndex(directory)
    await indexing.rebuild(index)
    place = await index.place()
    assert place is not None
    await index.apply((), (), place._replace(transaction=place.transaction + 10**9))
    index.close()
    await shelf.put("分数的初步认识")
    await shelf.settle(app.state.part.follower)
    assert await shelf.titles("分数") == ["分数的初步认识"]


async def test_what_was_applied_is_there_after_a_restart(
    shelf: Shelf, follower: Follower, settings: Settings, build: Callable[[Settings], FastAPI]
) -> None:
    await shelf.put("分数的初步认识")
    await shelf.settle(follower)
    again = build(settings)
    try:
        await shelf.settle(again.state.part.follower)
        transport = httpx2.ASGITransport(again)
        async with httpx2.AsyncClient(transport=transport, base_url="http://c.test") as client:
            shelf = Shelf(client, shelf.owner, shelf.objects)
            assert await shelf.titles("分数") == ["分数的初步认识"]
    finally:
        await again.state.runtime.close()


async def test_the_command_builds_beside_and_the_service_goes_over(
    shelf: Shelf,
    follower: Follower,
    settings: Settings,
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await shelf.put("分数的初步认识")
    await shelf.settle(follower)
    before = (directory / "current").read_text()
    monkeypatch.setattr(Settings, "load", lambda: settings)
    monkeypatch.setattr(logs, "configure", lambda *_: None)
    assert await asyncio.to_thread(reindex, []) == 0
    assert "1 resources indexed" in capsys.readouterr().out
    assert (directory / "current").read_text() != before
    assert await shelf.titles("分数") == ["分数的初步认识"]
    await shelf.put("分数的意义")
    await shelf.settle(follower)
    assert len(await shelf.titles("分数")) == 2
    assert len([each for each in directory.iterdir() if each.is_dir()]) == 1


async def test_a_rebuild_that_fails_leaves_the_index_as_it_was(
    shelf: Shelf,
    follower: Follower,
    app: FastAPI,
    settings: Settings,
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await shelf.put("分数的初步认识", text="某些文字")
    await shelf.settle(follower)
    before = sorted(directory.iterdir())
    objects = object_store(settings)

    async def broken(*_: object, **__: object) -> bytes:
        raise ConnectionError

    monkeypatch.setattr(objects, "get", broken)
    indexing = Indexing(PublishedReads(app.state.runtime.reader), objects, Language())
    with pytest.raises(ConnectionError):
        await indexing.rebuild(TantivyIndex(directory))
    assert sorted(directory.iterdir()) == before
    assert await shelf.titles("分数") == ["分数的初步认识"]


def test_without_a_place_for_it_the_command_says_what_to_set(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = settings.model_copy(update={"search_directory": ""})
    monkeypatch.setattr(Settings, "load", lambda: own)
    monkeypatch.setattr(logs, "configure", lambda *_: None)
    assert reindex([]) == 2
    assert "SHUYUAN_CATALOG_SEARCH_DIRECTORY" in capsys.readouterr().err


def test_away_from_its_service_the_command_says_what_environment_it_needs(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = {"database_url": "postgresql://nobody@127.0.0.1:9/nothing"}
    stranger = {"database_password": SecretStr("wrong")}
    monkeypatch.setattr(logs, "configure", lambda *_: None)
    for wrong in (nobody, stranger):
        changed = settings.model_copy(update=wrong)
        monkeypatch.setattr(Settings, "load", lambda changed=changed: changed)
        assert reindex([]) == 2
        told = capsys.readouterr().err
        assert told.count("\n") == 1
        assert "SHUYUAN_CATALOG_* variables" in told
        assert "SHUYUAN_SECRETS_DIR" in told


async def test_more_changes_than_fit_a_batch_are_all_followed(
    shelf: Shelf, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_following, "BATCH", 3)
    await shelf.settle(follower)
    for n in range(10):
        await shelf.put(f"分数 第{n}课")
    await shelf.settle(follower)
    assert (await shelf.ask("分数"))["estimated_total"] == 10


async def _answers(shelf: Shelf) -> bool:
    return (await shelf.client.get("/catalog/v1/search?q=a")).status_code == 200


async def _tells(feed: ChangeReader) -> bool:
    return bool(await feed.after(BEGINNING, 1))


async def _finds(shelf: Shelf, q: str) -> bool:
    return bool(await shelf.titles(q))


async def _until(holds: Callable[[], Awaitable[bool]], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 - what is awaited happens in the index
            await asyncio.sleep(0.05)
