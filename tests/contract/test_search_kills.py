"""The embedded index under SIGKILL: what it says it has followed, it has; and nothing else."""

import asyncio
import itertools
import random
import signal
import sys
from pathlib import Path
from uuid import UUID

import pytest

from services.catalog.adapters.search_tantivy import TantivyIndex
from services.catalog.domain.changes import Place
from services.catalog.domain.search import Query
from tests.contract.test_search import Engine

KILLS = 6
ALIVE_SECONDS = (0.05, 0.6)
BEGUN = b"begun\n"


async def write(directory: Path) -> None:
    """Apply one more document at each place, from where the index is, until killed."""
    engine = Engine(TantivyIndex(directory))
    place = await engine.index.place()
    assert place is not None
    for number in itertools.count(place.position + 1):
        made = engine.indexed(f"第{number}课", id=UUID(int=number))
        await engine.index.apply([made], [], Place(1, number))
        if number == place.position + 1:
            sys.stdout.buffer.write(BEGUN)
            sys.stdout.flush()


@pytest.mark.parametrize("seed", [20261122])
async def test_after_any_kill_the_index_holds_what_its_place_says(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    await Engine(TantivyIndex(tmp_path)).begin()
    reached = 0
    for _ in range(KILLS):
        writer = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.contract.test_search_kills", str(tmp_path)),
            stdout=asyncio.subprocess.PIPE,
        )
        assert writer.stdout is not None
        assert await writer.stdout.readline() == BEGUN
        await asyncio.sleep(chance.uniform(*ALIVE_SECONDS))
        writer.send_signal(signal.SIGKILL)
        await writer.wait()
        index = TantivyIndex(tmp_path)
        place = await index.place()
        assert place is not None
        assert place.position > reached
        reached = place.position
        found = await index.search(Query(limit=reached + 10))
        assert {UUID(hit.id).int for hit in found.hits} == set(range(1, reached + 1))
        index.close()


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1])))
