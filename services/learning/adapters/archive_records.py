"""What the activity records tell a growth archive."""

from collections.abc import Sequence
from datetime import datetime

from services.learning.adapters.progress import People, RecordedProgress
from services.learning.domain.archive import Known, Totals
from services.learning.domain.progress import estimate
from shared.reader import Reader

MOST_POINTS = 2000
"""Knowledge points in one archive: more than twelve years of school have."""

_TOTALS = """
    SELECT count(*) AS activities, count(*) FILTER (WHERE completed) AS completed,
        count(*) FILTER (WHERE passed) AS passed,
        coalesce(sum(statements), 0)::bigint AS statements,
        least(coalesce(sum(duration_ms), 0), 9223372036854775807)::bigint AS duration_ms
    FROM progress WHERE actor_id = ANY($1::uuid[])
"""


class RecordedArchive:
    """`services.learning.application.archive_ports.ArchiveRecords`."""

    def __init__(self, reader: Reader, people: People, progress: RecordedProgress) -> None:
        self._reader = reader
        self._people = people
        self._progress = progress

    async def totals(self, person: str) -> Totals:
        actors = list(await self._people.actors([person]))
        row = await self._reader.fetchrow(_TOTALS, actors)
        return Totals() if row is None else Totals(*(row[name] for name in Totals._fields))

    async def known(self, person: str, now: datetime) -> Sequence[Known]:
        found = await self._progress.mastery(person, MOST_POINTS, None)
        return sorted(
            Known(*point, tries=mastery.tries, estimate=round(estimate(mastery, now), 4))
            for _, point, mastery in found
        )
