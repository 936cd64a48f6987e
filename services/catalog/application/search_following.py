"""Keeping the index what PostgreSQL says: following the feed of changes, and building it anew."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import structlog

from services.catalog.application.changes import ChangeFeed
from services.catalog.application.search_language import Language
from services.catalog.application.search_ports import (
    Indexed,
    Names,
    Published,
    PublishedResources,
    SearchIndex,
)
from services.catalog.domain.changes import Place
from services.catalog.search.analysis import MOST_WORDS
from shared.storage import ObjectMissing, ObjectStore

POLL_SECONDS = 0.5
SETTLE_SECONDS = 1.5
"""The engine takes a second of processor time to load, which a starting stack has better uses for;
whoever searches before loads it then."""
LEARN_SHARE = 20
"""The words of the index are learnt at once, and then not for so many times as long as it took:
the more there are, the seldomer."""
BATCH = 200
READ_AT_ONCE = 8
MOST_TEXT_BYTES = 6 * MOST_WORDS
"""Two characters a word, three bytes a character."""

log = structlog.get_logger(__name__)


class Indexing:
    """Makes documents of what is published."""

    def __init__(
        self, published: PublishedResources, objects: ObjectStore, language: Language
    ) -> None:
        self._published = published
        self._objects = objects
        self._language = language
        self._reading = asyncio.Semaphore(READ_AT_ONCE)

    async def names(self) -> Names:
        """Those of terms now, which from now on count as words."""
        names = await self._published.names()
        await self._language.learn_names(names)
        return names

    async def documents(self, ids: Sequence[UUID], names: Names) -> Sequence[Indexed]:
        """Of those of `ids` that are live. Raises `ObjectStoreUnavailable`."""
        found = await self._published.read(ids, names)
        texts = await asyncio.gather(*(self._text(each) for each in found))
        return await self._language.analyse(
            [
                replace(each, document=replace(each.document, text=text))
                for each, text in zip(found, texts, strict=True)
            ]
        )

    async def rebuild(self, index: SearchIndex) -> int:
        """Build an index beside the one in use, and swap them; how many documents it has."""
        place, names = await self._published.horizon(), await self.names()
        builder = await index.build()
        count, last = 0, None
        try:
            while ids := await self._published.after(last, BATCH):
                documents = await self.documents(ids, names)
                await builder.add(documents)
                count, last = count + len(documents), ids[-1]
            await builder.swap(place)
        finally:
            await builder.abandon()
        return count

    async def _text(self, published: Published) -> str:
        told, room = "", MOST_TEXT_BYTES
        for key in published.text_keys:
            async with self._reading:
                try:
                    part = await self._objects.get(key, offset=0, length=room)
                except ObjectMissing:
                    continue
            told += part.decode(errors="ignore") + "\n"
            room -= len(part)
            if room <= 0:
                break
        return told.strip()


class Follower:
    """Runs in the serving process: what is published is found within `POLL_SECONDS` and the time
    of one commit. An index that is missing, or of another database, is built anew."""

    def __init__(
        self,
        index: SearchIndex,
        feed: ChangeFeed,
        published: PublishedResources,
        indexing: Indexing,
        language: Language,
    ) -> None:
        self._index = index
        self._feed = feed
        self._published = published
        self._indexing = indexing
        self._language = language
        self._names: Names | None = None
        self._learn_after = 0.0
        self._changed = True

    async def run(self) -> None:
        """Until cancelled; a failure ends it, and it is begun again."""
        await asyncio.sleep(SETTLE_SECONDS)
        while True:
            await self.turn()
            await asyncio.sleep(POLL_SECONDS)

    async def turn(self) -> Place | None:
        """Bring the index to where the feed is now: there."""
        if self._names is None:
            self._names = await self._indexing.names()
        place = await self._index.place()
        if place is None or place > await self._published.horizon():
            count = await self._indexing.rebuild(self._index)
            log.info("search index built", documents=count)
            place, self._changed, self._learn_after = await self._index.place(), True, 0.0
        while place is not None and (rows := await self._feed.after(place, BATCH)):
            place = rows[-1][0]
            await self._apply({change.resource_id for _, change in rows}, place)
        if self._changed and (began := time.monotonic()) >= self._learn_after:
            await self._language.learn(self._index, self._names)
            ended = time.monotonic()
            self._changed, self._learn_after = False, ended + LEARN_SHARE * (ended - began)
        return place

    async def _apply(self, ids: set[UUID], place: Place) -> None:
        self._names = await self._indexing.names()
        documents = await self._indexing.documents(sorted(ids), self._names)
        live = {each.document.id for each in documents}
        await self._index.apply(documents, sorted(ids - live), place)
        self._changed = True
