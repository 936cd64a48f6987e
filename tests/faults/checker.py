"""The promises of the house, checked from outside on what clients were told and what is stored.

The names are those of the invariants in docs/ARCHITECTURE.md.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import orjson

from tests.faults.counters import EVENT
from tests.faults.journal import Journal

Step = tuple[str, int]
"""A counter's name, and the value it was raised to."""


@dataclass
class Facts:
    """Everything the checker looks at, once all is quiet."""

    tried: set[str] = field(default_factory=set)
    """Every key that a client began with."""
    acknowledged: list[tuple[str, Step]] = field(default_factory=list)
    """Key and answer, as clients noted them."""
    counters: dict[str, int] = field(default_factory=dict)
    answers: dict[str, Step] = field(default_factory=dict)
    """First answers kept for repeats, by key."""
    recorded: list[tuple[str, Step]] = field(default_factory=list)
    """Event ids and events of the outbox, in the order of their ids there."""
    heard: list[tuple[str, Step]] = field(default_factory=list)
    """Event ids and events, in the order in which the other service applied them."""
    parked: int = 0
    audited: list[str] = field(default_factory=list)
    """The counter that each audit entry is about."""
    unpublished: int = 0
    unchained: int = 0


def violations(facts: Facts) -> list[str]:
    """Every promise that does not hold, in words; empty when all do."""
    return [
        *_writes(facts),
        *_once_and_in_order("recorded", facts.recorded, facts.counters),
        *_once_and_in_order("heard", facts.heard, facts.counters),
        *_same_events(facts),
        *_audit(facts),
        *([f"E1: {facts.parked} events are parked"] if facts.parked else []),
        *([f"E1: {facts.unpublished} events never left"] if facts.unpublished else []),
        *([f"X2: {facts.unchained} entries were never chained"] if facts.unchained else []),
    ]


def _writes(facts: Facts) -> Iterator[str]:
    told = defaultdict(list)
    for key, step in facts.acknowledged:
        told[key].append(step)
    for key, steps in told.items():
        if len(set(steps)) > 1:
            yield f"U4: key {key} was answered {steps}"
        if facts.answers.get(key) != steps[0]:
            yield f"U4: key {key} was told {steps[0]}, kept is {facts.answers.get(key)}"
    for step, count in Counter(step for _, step in facts.acknowledged).items():
        if count > 1:
            yield f"two keys were both told {step}"
    effects = sum(facts.counters.values())
    if effects != len(facts.answers):
        yield f"{effects} increments took effect, {len(facts.answers)} answers are kept for them"
    for key in facts.answers.keys() - facts.tried:
        yield f"an answer is kept for key {key}, which nobody sent"
    stored = {step for _, step in facts.recorded}
    for key, step in facts.acknowledged:
        if step not in stored or step[1] > facts.counters.get(step[0], 0):
            yield f"lost: key {key} was told {step}, and it is not there"


def _once_and_in_order(
    place: str, events: Iterable[tuple[str, Step]], counters: dict[str, int]
) -> Iterator[str]:
    values = defaultdict(list)
    for _, (name, value) in events:
        values[name].append(value)
    for name in counters.keys() | values.keys():
        found, expected = values[name], list(range(1, counters.get(name, 0) + 1))
        if found == expected:
            continue
        if missing := sorted(set(expected) - set(found)):
            yield f"E1: {place} misses {name} {missing[:5]} of {len(expected)}"
        if twice := [value for value, count in Counter(found).items() if count > 1]:
            yield f"E1: {place} has {name} {twice[:5]} more than once"
        if extra := sorted(set(found) - set(expected)):
            yield f"E1: {place} has {name} {extra[:5]}, which never happened"
        if found != sorted(found):
            yield f"E2: {place} has {name} out of order"


def _same_events(facts: Facts) -> Iterator[str]:
    recorded, heard = dict(facts.recorded), dict(facts.heard)
    for event_id in heard.keys() - recorded.keys():
        yield f"E1: {event_id} was heard and never recorded"
    for event_id in recorded.keys() & heard.keys():
        if recorded[event_id] != heard[event_id]:
            yield f"E1: {event_id} was {recorded[event_id]} and heard as {heard[event_id]}"


def _audit(facts: Facts) -> Iterator[str]:
    entries = Counter(facts.audited)
    for name in facts.counters.keys() | entries.keys():
        if entries[name] != facts.counters.get(name, 0):
            yield f"X1: {name} changed {facts.counters.get(name, 0)} times, audited {entries[name]}"


async def gather(
    journal: Journal, writing: asyncpg.Connection, reading: asyncpg.Connection
) -> Facts:
    """Read everything from the journal and from both databases."""
    recorded = await writing.fetch(
        "SELECT event_id::text AS id, envelope FROM outbox WHERE type = $1 ORDER BY outbox.id",
        EVENT,
    )
    answers = await writing.fetch("SELECT key, body FROM idempotency")
    return Facts(
        tried={facts["key"] for facts in journal.noted("try")},
        acknowledged=[(facts["key"], _step(facts)) for facts in journal.noted("ack")],
        counters=dict(await writing.fetch("SELECT name, value FROM counter")),
        answers={row["key"]: _step(orjson.loads(row["body"])) for row in answers},
        recorded=[(row["id"], _step(orjson.loads(row["envelope"])["data"])) for row in recorded],
        heard=[
            (row["event_id"], _step(row))
            for row in await reading.fetch(
                "SELECT event_id::text, name, value FROM heard ORDER BY id"
            )
        ],
        parked=await reading.fetchval("SELECT count(*) FROM inbox_parked"),
        audited=[
            row["target"]
            for row in await writing.fetch(
                "SELECT target FROM audit WHERE action = 'counter.increment'"
            )
        ],
        unpublished=await writing.fetchval(
            "SELECT count(*) FROM outbox WHERE published_at IS NULL"
        ),
        unchained=await writing.fetchval("SELECT count(*) FROM audit_unchained"),
    )


def _step(facts: Any) -> Step:
    return facts["name"], facts["value"]
