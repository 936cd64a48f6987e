"""What must be true of publication once all is quiet: C1 to C4, E1 to E4 of the invariants in
docs/ARCHITECTURE.md, on what people were told and what is stored."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

import asyncpg

from tests.faults.editing import TITLE, Integrator, Stranger, Told

RECOVERY_SECONDS = 180.0
"""Of a process that was killed, on however slow a machine."""
CONVERGED_SECONDS = 10.0
"""So long after the last change search shows what is live."""

FOLLOWS = {
    "published": {"published", "suspended"},
    "suspended": {"restored"},
    "restored": {"published", "suspended"},
}
"""What becomes of what readers see, after each; nobody retires anything here."""

REVIEWED = {
    "SUBMITTED": {"EXAMINED", "ENDED"},
    "EXAMINED": {"LEVEL_OPENED"},
    "LEVEL_OPENED": {"APPROVED", "CHANGES_REQUESTED", "ENDED"},
    "CHANGES_REQUESTED": {"SUBMITTED", "ENDED"},
    "APPROVED": set[str](),
    "ENDED": {"SUBMITTED"},
}
"""What becomes of a review of one level, after each; nobody rejects or withdraws here, but what was
taken down meanwhile may be given back and submitted again."""
TOLD_AS = {
    "SUBMITTED": "submitted",
    "LEVEL_OPENED": "level_opened",
    "APPROVED": "decided",
    "CHANGES_REQUESTED": "decided",
    "ENDED": "withdrawn",
}
"""What the neighbours hear of it."""
AUDITED = ("SUBMITTED", "CLAIMED", "EXAMINED", "DECIDED", "CHANGES_REQUESTED", "APPROVED", "ENDED")


@dataclass(frozen=True)
class Outcome:
    """``facts`` is the catalogue's database, ``hearer`` that of the service which registers what
    the catalogue publishes. ``spoken`` says which campaign it was."""

    facts: asyncpg.Connection
    hearer: asyncpg.Connection
    told: Told
    spoken: str

    async def every_event_left(self) -> None:
        """E1: the outbox is empty."""
        deadline = time.monotonic() + RECOVERY_SECONDS
        while await self.facts.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL"):
            assert time.monotonic() < deadline, self.spoken
            await asyncio.sleep(0.3)
        for database in (self.facts, self.hearer):
            assert not await database.fetchval("SELECT count(*) FROM inbox_parked"), self.spoken

    async def every_publication_was_applied_once(self) -> None:
        """E1, E3: one entry of the record for each, however often the bus delivered it."""
        rows = await self.facts.fetch(
            "SELECT event_id, aggregate FROM outbox WHERE type = 'catalog.resource.published.v1'"
        )
        expected = await self.facts.fetch(
            "SELECT resource_id, max(version) AS last, count(*) AS times FROM publications"
            " GROUP BY 1"
        )
        events = [row["event_id"] for row in rows]
        deadline = time.monotonic() + RECOVERY_SECONDS
        heard = "SELECT count(*) FROM inbox WHERE event_id = ANY($1)"
        while await self.hearer.fetchval(heard, events) < len(events):
            assert time.monotonic() < deadline, self.spoken
            await asyncio.sleep(0.3)
        applied = await self.hearer.fetch(
            "SELECT resource_id, max(resource_version) AS last, sum(length) AS times"
            " FROM registrations WHERE resource_id = ANY($1) GROUP BY 1",
            [row["resource_id"] for row in expected],
        )
        assert {tuple(each) for each in applied} == {tuple(each) for each in expected}, self.spoken
        assert len(events) == sum(each["times"] for each in expected), self.spoken

    async def the_feed_told_everything_once(self, after: Integrator) -> None:
        """E3: whoever followed through all of it, and whoever comes afterwards."""
        rows = await self.facts.fetch(
            "SELECT kind, code, version FROM changes ORDER BY transaction, position"
        )
        everything = [tuple(each) for each in rows]
        async with asyncio.timeout(RECOVERY_SECONDS):
            while len(after.told.feed) < len(everything):
                await after.act()
        assert after.told.feed == everything, self.spoken
        assert self.told.feed == everything[: len(self.told.feed)], self.spoken
        assert self.told.feed, self.spoken

    async def decisions_stand_once(self) -> None:
        """C1: at most one of a level of a round; in timeline and audit with its transaction."""
        rows = await self.facts.fetch("SELECT case_id, round, level, reviewer FROM review_verdicts")
        stand = Counter((str(row["case_id"]), row["round"], row["reviewer"]) for row in rows)
        assert self.told.decided, self.spoken
        for decision in self.told.decided:
            assert stand[decision] == 1, f"{decision}: {self.spoken}"
        seats = Counter((row["case_id"], row["round"], row["level"]) for row in rows)
        assert set(seats.values()) == {1}, self.spoken
        entries = await self.facts.fetch(
            "SELECT case_id, round, actor FROM review_events WHERE kind = 'DECIDED'"
        )
        assert Counter((str(row[0]), row[1], row[2]) for row in entries) == stand, self.spoken

    async def reviews_went_by_the_table(self) -> None:
        """C1, C2, E2: timeline, what the neighbours hear, and audit say the same."""
        for (case,) in await self.facts.fetch("SELECT id FROM review_cases"):
            rows = await self.facts.fetch(
                "SELECT kind FROM review_events WHERE case_id = $1 ORDER BY id", case
            )
            every = [row["kind"] for row in rows]
            kinds = [each for each in every if each in REVIEWED]
            assert kinds[0] == "SUBMITTED", self.spoken
            walked = all(then in REVIEWED[now] for now, then in pairwise(kinds))
            assert walked, f"{kinds}: {self.spoken}"
            events = await self.facts.fetch(
                "SELECT type FROM outbox WHERE aggregate = $1 ORDER BY id", f"reviews/{case}"
            )
            expected = [TOLD_AS[each] for each in kinds if each in TOLD_AS]
            assert [each["type"].split(".")[2] for each in events] == expected, self.spoken
            audited = await self.facts.fetch(
                "SELECT upper(split_part(action, '.', 2)) FROM audit WHERE target = $1", str(case)
            )
            found = Counter(row[0] for row in audited if row[0] in AUDITED)
            assert found == Counter(each for each in every if each in AUDITED), self.spoken

    async def everything_that_happened_is_told_everywhere(self) -> None:
        """C1, C2, E2: row, event, audit entry, and change are there together, in one order."""
        notices = {str(row[0]) for row in await self.facts.fetch("SELECT id FROM notices")}
        taken = [each.notice for each in self.told.taken]
        assert set(taken) <= notices, self.spoken
        assert len(set(taken)) == len(taken), self.spoken
        for row in await self.facts.fetch("SELECT id, state, live_version FROM resources"):
            changes = await self.facts.fetch(
                "SELECT kind, version FROM changes WHERE resource_id = $1"
                " ORDER BY transaction, position",
                row["id"],
            )
            kinds = [each["kind"] for each in changes]
            events = await self.facts.fetch(
                "SELECT type FROM outbox WHERE aggregate = $1 ORDER BY id",
                f"resources/{row['id']}",
            )
            assert [each["type"].split(".")[2] for each in events] == kinds, self.spoken
            audited = await self.facts.fetch(
                "SELECT action FROM audit WHERE target = $1 AND action = ANY($2)",
                *(str(row["id"]), [f"resource.{each}" for each in FOLLOWS]),
            )
            entries = Counter(each["action"].split(".")[1] for each in audited)
            assert entries == Counter(kinds), self.spoken
            published = await self.facts.fetchval(
                "SELECT count(*) FROM publications WHERE resource_id = $1", row["id"]
            )
            assert published == kinds.count("published"), self.spoken
            walked = all(then in FOLLOWS[now] for now, then in pairwise(kinds))
            assert walked, f"{kinds}: {self.spoken}"
            last = changes[-1] if changes else None
            assert row["live_version"] == (last["version"] if last else None), self.spoken
            assert (row["state"] == "SUSPENDED") == (kinds[-1:] == ["suspended"]), self.spoken

    async def nothing_unpublished_was_read(self) -> None:
        """C3: neither what was never published, nor what an administrator had been told was
        suspended before somebody asked, and was not given back before they were answered."""
        rows = await self.facts.fetch("SELECT resource_id, version FROM publications")
        published = {(str(row["resource_id"]), row["version"]) for row in rows}
        assert self.told.reads, self.spoken
        assert {(each.resource, each.number) for each in self.told.reads} <= published, self.spoken
        told = await self.facts.fetch("SELECT id, at FROM notices WHERE action = 'suspend'")
        began = {str(row["id"]): row["at"].timestamp() for row in told}
        back = await self.facts.fetch(
            "SELECT resource_id, at FROM changes WHERE kind <> 'suspended' ORDER BY at"
        )
        returns = dict[str, list[float]]()
        for row in back:
            returns.setdefault(str(row["resource_id"]), []).append(row["at"].timestamp())
        for each in self.told.taken:
            if each.action != "suspend":
                continue
            later = (at for at in returns[each.resource] if at > began[each.notice])
            until = next(later, float("inf"))
            shown = [
                read
                for read in self.told.reads
                if read.resource == each.resource
                and read.asked > each.answered
                and read.answered < until
            ]
            assert not shown, f"{each}: {shown[:3]}: {self.spoken}"

    async def no_change_was_lost(self) -> None:
        """C4: each change raised the title by one, and none was made over another."""
        changed = self.told.changed
        assert len(set(changed)) == len(changed), self.spoken
        for resource_id in {each for each, _ in changed}:
            title = await self.facts.fetchval(
                "SELECT draft ->> 'title' FROM resources WHERE id = $1", UUID(resource_id)
            )
            audited = await self.facts.fetchval(
                "SELECT count(*) FROM audit WHERE action = 'resource.changed' AND target = $1",
                resource_id,
            )
            assert int(title.rpartition(" ")[2]) == audited, self.spoken

    async def search_shows_what_is_live(self, stranger: Stranger) -> Mapping[str, dict[str, Any]]:
        """E4: what it shows, by id. Requests whose askers are gone may still be at work."""
        deadline = time.monotonic() + CONVERGED_SECONDS
        while True:
            found = await stranger.listed(f"/search?q={TITLE}&limit=100")
            rows = await self.facts.fetch(
                "SELECT id, live_version, state, updated_at FROM resources WHERE live_version > 0"
            )
            live = {(str(row["id"]), *row[1:]) for row in rows}
            if live == {
                (
                    *(each["id"], each["live_version"], each["state"]),
                    datetime.fromisoformat(each["updated_at"]),
                )
                for each in found
            }:
                return {each["id"]: each for each in found}
            assert time.monotonic() < deadline, self.spoken
            await asyncio.sleep(0.3)
