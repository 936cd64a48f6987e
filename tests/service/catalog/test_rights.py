"""Rights that end elsewhere take a resource from its readers here, and give it back."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any, cast
from uuid import UUID

import pytest
from fastapi import FastAPI

from services.copyright.application.consequences import (
    Agreement,
    AgreementStore,
    Consequences,
    DeadlineStore,
    Ended,
    Periods,
)
from services.copyright.application.registrations_ports import RegistrationStore
from shared.database import UnitOfWork
from shared.ids import uuid7
from tests.service.catalog.publication import RESTORED as CLEARED
from tests.service.catalog.publication import RETIRED, SUSPENDED, Follower
from tests.service.catalog.resources import PROVINCE, URL
from tests.service.catalog.reviews import Panel
from tests.service.catalog.rights import REMOVED, RESTORED, Registry, registered, registry
from tests.service.catalog.vocabularies import starter_set

__all__ = ["registry", "starter_set"]

LIVE = ("PUBLISHED", None)
PERSONS = ("SUSPENDED", "factual_error")
NOTICED = ("SUSPENDED", "rights_notice")
EXPIRED = ("SUSPENDED", "rights_expired")


async def test_a_removed_registration_takes_its_resource_from_readers_and_gives_it_back(
    registry: Registry,
) -> None:
    made = await registry.published()
    record = registered(UUID(made["id"]))
    for _ in range(2):  # to hear it again changes nothing
        await registry.decide(record, REMOVED)
        assert await registry.stands(made) == NOTICED
    left = (await registry.client.get(f"{URL}/{made['id']}/tombstone")).json()
    assert record.code in left["notice"]["notice"]
    assert [each["version"] for each in left["publications"]] == [1]
    for _ in range(2):
        await registry.decide(record, RESTORED)
        assert await registry.stands(made) == LIVE
    assert (await registry.read(made))["version"] == made["version"] + 2


async def test_neighbours_feed_and_audit_are_told_who_did_it(registry: Registry) -> None:
    made = await registry.published()
    record = registered(UUID(made["id"]))
    await registry.decide(record, REMOVED)
    await registry.decide(record, RESTORED)
    kinds = ["published", "suspended", "restored"]
    events = await registry.events(made)
    assert [kind for kind, _ in events] == [f"catalog.resource.{each}.v1" for each in kinds]
    assert [data["reason_code"] for _, data in events[1:]] == ["rights_notice", "cleared"]
    follower = Follower(registry.client)
    await follower.catch_up(len(kinds))
    assert follower.kinds == kinds
    rows = await registry.owner.fetch(
        "SELECT actor, action FROM audit WHERE target = $1 ORDER BY id DESC LIMIT 2", made["id"]
    )
    assert [tuple(each) for each in reversed(rows)] == [
        ("service:/copyright", "resource.suspended"),
        ("service:/copyright", "resource.restored"),
    ]


async def test_what_anybody_registered_by_hand_as_being_a_resource_takes_nothing_from_its_readers(
    registry: Registry,
) -> None:
    made = await registry.published()
    await registry.decide(registered(UUID(made["id"]), version=None), REMOVED)
    assert await registry.stands(made) == LIVE


async def test_a_reuse_that_ended_is_shown_again_once_every_licence_it_needs_holds(
    registry: Registry,
) -> None:
    made = await registry.published()
    used_in = UUID(made["id"])
    await registry.end(used_in, "a", "EXPIRED")
    await registry.end(used_in, "b", "REMOVED")
    await registry.end(used_in, "b", "REVOKED")
    assert await registry.stands(made) == EXPIRED
    await registry.resume(used_in, "b")
    assert await registry.stands(made) == EXPIRED
    await registry.resume(used_in, "a")
    assert await registry.stands(made) == LIVE
    assert len(await registry.events(made)) == 3, "readers saw it go once and come back once"


async def test_what_no_reader_has_is_left_as_it_is(registry: Registry) -> None:
    draft, retired = await registry.finished(), await registry.published()
    await registry.taken("retire", retired, RETIRED)
    record = registered(UUID(retired["id"]))
    for used_in in (UUID(draft["id"]), UUID(retired["id"]), uuid7(), None):
        await registry.end(used_in, "a")
        await registry.resume(used_in, "a")
    await registry.decide(record, REMOVED)
    await registry.decide(record, RESTORED)
    assert (await registry.read(draft))["version"] == draft["version"]
    assert await registry.stands(retired) == ("RETIRED", "outdated")


async def test_what_was_taken_down_for_its_rights_may_still_be_retired_and_stays_so(
    registry: Registry,
) -> None:
    made = await registry.published()
    record = registered(UUID(made["id"]))
    await registry.decide(record, REMOVED)
    version = made["version"] + 1
    by_owner = await registry.take("retire", made, RETIRED, registry.teacher, version)
    assert by_owner.status_code == 409
    above = registry.administrator(PROVINCE)
    assert (await registry.take("retire", made, RETIRED, above, version)).status_code == 200
    await registry.decide(record, RESTORED)
    assert await registry.stands(made) == ("RETIRED", "outdated")


async def test_whoever_would_restore_it_reads_first_that_its_rights_ended_meanwhile(
    registry: Registry,
) -> None:
    made = await registry.published()
    taken = await registry.taken("suspend", made, SUSPENDED)
    await registry.end(UUID(made["id"]), "a")
    above = registry.administrator(PROVINCE)
    stale = await registry.take("restore", made, CLEARED, above, taken["version"])
    assert stale.status_code == 412
    seen = (await registry.read(made))["version"]
    assert (await registry.take("restore", made, CLEARED, above, seen)).status_code == 200
    await registry.resume(UUID(made["id"]), "a")
    assert await registry.stands(made) == LIVE


async def test_the_open_review_of_its_successor_ends_with_it(
    registry: Registry, starter_set: None
) -> None:
    made = await registry.published()
    changed = (await registry.patch(made, {"metadata": {"title": "下一版"}})).json()
    panel = Panel(
        *(registry.client, registry.owner, registry.token, registry.objects, registry.subject),
        app=registry.app,
    )
    review_id = await panel.submitted(changed)
    record = registered(UUID(made["id"]))
    await registry.decide(record, REMOVED)
    assert await registry.stands(made) == NOTICED
    assert (await panel.review(review_id))["state"] == "WITHDRAWN"
    await registry.decide(record, RESTORED)
    seen = await registry.read(made)
    assert (seen["state"], seen["live_version"], seen["review_id"]) == ("PUBLISHED", 1, None)


async def test_what_is_heard_while_somebody_suspends_it_leaves_both_standing(
    registry: Registry,
) -> None:
    for _ in range(4):
        made = await registry.published()
        used_in = UUID(made["id"])
        taken, _ = await asyncio.gather(
            registry.take("suspend", made, SUSPENDED), registry.end(used_in, "a")
        )
        assert (await registry.stands(made))[0] == "SUSPENDED"
        await registry.resume(used_in, "a")
        standing = PERSONS if taken.status_code == 200 else LIVE
        assert taken.status_code in (200, 409)
        assert await registry.stands(made) == standing


def orders(left: Sequence[Sequence[str]]) -> Iterator[list[str]]:
    """Every order in which the steps of all can come, each sequence's in its own."""
    if not any(left):
        yield []
    for index, steps in enumerate(left):
        if steps:
            rest = [*left[:index], steps[1:], *left[index + 1 :]]
            yield from ([steps[0], *order] for order in orders(rest))


ORDERS = list(orders([("removed", "restored"), ("ended", "resumed"), ("suspend", "restore")]))


@pytest.mark.parametrize("first", ["removed", "ended", "suspend"])
async def test_in_any_order_it_is_read_while_nothing_stands_against_it(
    registry: Registry, first: str
) -> None:
    made = await registry.published()
    used_in, record = UUID(made["id"]), registered(UUID(made["id"]))
    city, above = registry.administrator(), registry.administrator(PROVINCE)
    told = {"removed": NOTICED, "ended": EXPIRED, "suspend": PERSONS}

    async def person(action: str, headers: dict[str, str]) -> int:
        seen = (await registry.read(made))["version"]
        body = SUSPENDED if action == "suspend" else CLEARED
        return (await registry.take(action, made, body, headers, seen)).status_code

    for order in (each for each in ORDERS if each[0] == first):
        against: list[str] = []
        for step in order:
            match step:
                case "removed":
                    await registry.decide(record, REMOVED)
                    against.append(step)
                case "restored":
                    await registry.decide(record, RESTORED)
                    against = [each for each in against if each != "removed"]
                case "ended":
                    await registry.end(used_in, "a")
                    against.append(step)
                case "resumed":
                    await registry.resume(used_in, "a")
                    against = [each for each in against if each != "ended"]
                case "suspend":
                    assert await person(step, city) == (409 if against else 200), order
                    against = against or [step]
                case "restore":
                    # Of what the top or nobody decided about, those below do not dispose.
                    theirs = against == ["suspend"]
                    assert await person(step, city) == (200 if theirs else 409), order
                    against = [] if theirs else against
            standing = told[against[-1]] if against else LIVE
            assert await registry.stands(made) == standing, f"{order} after {step}"
        if against:
            assert await person("restore", above) == 200, order


class Agreed(list[Agreement]):
    """Agreements, all of which end or hold again."""

    async def end(self, *_which: Any) -> Sequence[Agreement]:
        return self


class Told:
    """A unit of work of copyright that keeps nothing but what it tells."""

    def __init__(self) -> None:
        self.outbox: list[Any] = []


class Unregistered:
    """A register in which nobody holds the reusing resource."""

    async def of_resource(self, resource_id: UUID) -> None: ...


async def test_what_copyright_tells_of_a_reuse_is_what_is_heard(
    registry: Registry, app: FastAPI
) -> None:
    made = await registry.published()
    uow = Told()
    agreed = Agreed([Agreement("5f" * 32, "6b" * 32, str(uuid7()), UUID(made["id"]))])
    consequences = Consequences(
        cast(UnitOfWork, uow),
        cast(RegistrationStore, Unregistered()),
        cast(AgreementStore, agreed),
        cast(DeadlineStore, None),
        cast(Periods, None),
    )
    source = registry.source
    await consequences.end(source, None, Ended.REVOKED)
    [event] = uow.outbox
    assert event.type in app.state.runtime.handlers["copyright"]
    await registry.hear(event)
    assert await registry.stands(made) == EXPIRED
    notice = (await registry.client.get(f"{URL}/{made['id']}/tombstone")).json()["notice"]
    assert source.code in notice["notice"]
