"""The import worker is killed again and again in the middle of an import."""

import asyncio
import csv
import io
import os
import random
import secrets
import signal
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import asyncpg

from services.identity.domain.organisations import Organisation
from tests.conftest import CHECKOUT, Stack
from tests.service.house import own_database
from tests.service.identity.imports.desk import Desk, Tree, counts, pupil, roster

PUPILS = 80
KILLS = 12
FEWEST_KILLS = 4
LONGEST_SECONDS = 60
OWN = ("人员编码", "身份证号", "监护人手机", "学校", "学校标识码")
"""What differs between two schools with the same pupils."""


MADE = """
WITH below AS (SELECT id, path FROM organisations WHERE path <@ text2ltree($1)),
    joined AS (SELECT m.id, m.person_id FROM memberships m, below WHERE organisation_id = below.id),
    pupils AS (SELECT DISTINCT person_id AS id FROM joined),
    links AS (SELECT g.id, g.guardian_id FROM guardianships g, pupils WHERE child_id = pupils.id),
    families AS (SELECT id FROM pupils UNION SELECT guardian_id FROM links)
SELECT (SELECT count(*) FROM below) AS organisations,
    (SELECT count(*) FROM joined) AS memberships,
    (SELECT count(*) FROM pupils) AS pupils,
    (SELECT count(*) FROM links) AS guardianships,
    (SELECT count(*) FROM families) AS people,
    (SELECT count(*) FROM identifiers, families WHERE person_id = families.id) AS identifiers,
    (SELECT count(*) FROM role_grants, below WHERE organisation_id = below.id) AS roles,
    (SELECT count(*) FROM audit, families WHERE target = families.id::text) AS noted
"""


def school_roster(first: int) -> bytes:
    """Families and pupils alike for every school, but for numbers from `first` on."""
    return roster(
        *(
            pupil(
                first + each,
                f"学生{each}",
                f"{each % 4 + 1}班",
                监护人姓名=f"家长{each}",
                监护人手机=f"1380013{first + each:04}",
                关系="母亲",
            )
            for each in range(PUPILS)
        )
    )


async def carried_out_under_kills(
    environment: dict[str, str], key: str, file: Path, chance: random.Random
) -> int:
    """The worker runs until nothing is left to do; how often it was killed on the way."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.service.identity.imports.worker", key, str(file)),
        cwd=CHECKOUT,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    killed, pid, steps = 0, 0, 0
    async for line in process.stdout:
        word, _, told = line.decode().strip().partition(" ")
        if word == "pid":
            pid, steps = int(told), chance.randint(0, 3)
        elif word == "step":
            steps -= 1
        if killed < KILLS and steps == 0:
            await asyncio.sleep(chance.uniform(0, 0.01))
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
            steps = -1
    assert await process.wait() == 0
    return killed


async def made(owner: asyncpg.Connection, school: Organisation) -> dict[str, int]:
    """What there is in and below a school, by kind."""
    found = await owner.fetchrow(MADE, school.path)
    assert found is not None
    return dict(found)


async def told(owner: asyncpg.Connection) -> Counter[str]:
    """How many events of each type there were so far."""
    rows = await owner.fetch("SELECT type, count(*) FROM outbox GROUP BY type")
    return Counter({row["type"]: row["count"] for row in rows})


async def exported(desk: Desk, school: Organisation) -> list[dict[str, str]]:
    lines = csv.DictReader(io.StringIO((await desk.export(school)).decode("utf-8-sig")))
    told = [{k: v for k, v in each.items() if k not in OWN} for each in lines]
    return sorted(told, key=lambda line: line["姓名"])


async def test_an_import_under_kills_ends_like_an_undisturbed_one(
    stack: Stack,
    tree: Tree,
    desk: Desk,
    desk_of: Callable[[Organisation], Desk],
    owner: asyncpg.Connection,
    tmp_path: Path,
) -> None:
    at_first = await told(owner)
    undisturbed = await desk.done(tree.school, school_roster(0))
    before = await told(owner)
    content = school_roster(500)
    elsewhere = desk_of(tree.other_school)
    import_id = await elsewhere.start(tree.other_school, content)
    key = await owner.fetchval("SELECT object_key FROM imports WHERE id = $1", import_id)
    file = tmp_path / "roster.csv"
    file.write_bytes(content)
    settings = await own_database(stack, "identity", owner)
    environment = {f"SHUYUAN_IDENTITY_{name.upper()}": told for name, told in settings.items()}
    seed = secrets.randbits(32)
    async with asyncio.timeout(LONGEST_SECONDS):
        killed = await carried_out_under_kills(environment, key, file, random.Random(seed))
    assert killed >= FEWEST_KILLS, seed
    view = await elsewhere.read(import_id)
    assert (view["state"], counts(view)) == ("APPLIED", counts(undisturbed)), seed
    assert await made(owner, tree.other_school) == await made(owner, tree.school), seed
    assert await told(owner) - before == before - at_first, seed
    assert await exported(elsewhere, tree.other_school) == await exported(desk, tree.school), seed
