"""Authors and reviewers at once, doing whatever comes to mind: no path around the table, and no
decision lost.

Hypothesis draws who does what, several things at once. What succeeded must be a walk through
`TRANSITIONS` in some order, and what the database says must hang together after each step. The
check before submission has tests of its own, and finds nothing here.
``SHUYUAN_TEST_REVIEW_STEPS`` says how many steps are taken (150).
"""

import asyncio
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import permutations
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from services.catalog.adapters.objects import object_store
from services.catalog.application.checks import Checks, Report
from services.catalog.domain.lifecycle import TRANSITIONS, Action, State
from services.catalog.settings import Settings
from shared.ids import uuid7
from tests.service.catalog.conftest import only
from tests.service.catalog.resources import CITY, SCHOOL, URL
from tests.service.catalog.reviews import (
    APPROVE,
    CHANGES,
    REJECT,
    REVIEWS,
    SCOPES,
    Panel,
    build_reviews,
)
from tests.service.house import Token

STEPS = int(os.environ.get("SHUYUAN_TEST_REVIEW_STEPS", "150"))
STEPS_A_STORY = 50
"""At most. The first that hypothesis tells is the simplest one, and says little."""
ADMINISTRATOR = 6
JUDGES = {"SCHOOL": (0, 1, 2), "CITY": (0, 1, 3, 4, 5)}
"""Places in the cast."""
HELPER, HELPING = 2, 4
"""Who writes on behalf of an author, and the number that, drawn, says so."""
WRITING = frozenset({"change", "submit"})
AT_LEVEL = frozenset({"claim", "release", "approve", "request_changes"})
"""What would seldom succeed if anybody tried."""

EXPECTED = frozenset({200, 403, 404, 409, 412})

VERDICTS = {
    "approve": APPROVE,
    "approve_unclaimed": APPROVE,
    "request_changes": CHANGES,
    "reject": REJECT,
}
DOWN = {"reason_code": "factual_error", "notice": "练习三答案有误。"}
BACK = {"reason_code": "cleared", "notice": "核查无误。"}
ACTIONS = (
    *["look"] * 4,
    *["submit"] * 4,
    *["change"] * 2,
    *["claim"] * 2,
    *["release"] * 2,
    *["approve"] * 9,
    *["suspend"] * 2,
    *["restore"] * 2,
    *("withdraw", "comment", "approve_unclaimed", "request_changes", "reject"),
)
_SETTLED = ((Action.SEND_BACK,), (Action.TURN_DOWN,))
AFTER = {
    "approve": ((Action.ACCEPT, Action.PUBLISH),),
    "approve_unclaimed": ((Action.ACCEPT, Action.PUBLISH),),
    "request_changes": _SETTLED,
    "reject": _SETTLED,
}
"""What the catalogue may do in the same breath as a verdict: one of these sequences, or nothing."""

BROKEN = {
    "a verdict of a maker": "SELECT FROM review_verdicts v JOIN review_cases c ON c.id = v.case_id"
    " AND c.round = v.round WHERE v.reviewer = ANY(c.makers)",
    "a verdict about other content than the round's": "SELECT FROM review_verdicts v"
    " JOIN review_rounds r USING (case_id, round) WHERE v.digest <> r.digest",
    "something read that no case approved": "SELECT FROM resources r JOIN resource_versions v"
    " ON v.resource_id = r.id AND v.number = r.live_version WHERE NOT EXISTS (SELECT FROM"
    " publications p JOIN review_cases c ON c.id = p.case_id WHERE p.resource_id = r.id"
    " AND p.version = v.number AND p.digest = v.digest AND c.state = 'APPROVED')",
    "an approval without the opinions that each level needs": "SELECT FROM review_cases c,"
    " jsonb_array_elements(c.chain) WITH ORDINALITY AS l (step, place) WHERE c.state = 'APPROVED'"
    " AND (l.step ->> 'needed')::int > (SELECT count(*) FROM review_verdicts v"
    " WHERE v.case_id = c.id AND v.round = c.round AND v.level = l.place - 1"
    " AND v.decision = 'APPROVE')",
    "more claims than seats": "SELECT FROM review_cases c WHERE (SELECT count(*)"
    " FROM review_claims l WHERE l.case_id = c.id) > (c.chain -> c.level ->> 'seats')::int",
    "a resource and a case that disagree": "SELECT FROM resources r LEFT JOIN review_cases c"
    " ON c.id = r.case_id WHERE CASE"
    " WHEN r.state IN ('SUBMITTED', 'MACHINE_REVIEW', 'IN_REVIEW', 'CHANGES_REQUESTED')"
    " THEN c.state IS DISTINCT FROM r.state"
    " WHEN r.state = 'UPDATE_IN_REVIEW'"
    " THEN COALESCE(c.state NOT IN ('SUBMITTED', 'MACHINE_REVIEW', 'IN_REVIEW'), true)"
    " WHEN r.state = 'PUBLISHED'"
    " THEN c.id IS NOT NULL AND c.state <> 'CHANGES_REQUESTED' ELSE c.id IS NOT NULL END",
    "an open case that its resource does not know": "SELECT FROM review_cases c"
    " JOIN resources r ON r.id = c.resource_id WHERE c.state IN ('SUBMITTED', 'MACHINE_REVIEW',"
    " 'IN_REVIEW', 'CHANGES_REQUESTED') AND r.case_id IS DISTINCT FROM c.id",
    "a decision that the timeline has not": "SELECT FROM review_verdicts v WHERE NOT EXISTS"
    " (SELECT FROM review_events e WHERE e.case_id = v.case_id AND e.round = v.round"
    " AND e.kind = 'DECIDED' AND e.actor = v.reviewer)",
}


_WHAT_IS_BROKEN = " UNION ALL ".join(
    f"SELECT $${what}$$ WHERE EXISTS ({query})" for what, query in BROKEN.items()
)


class NoDefects:
    """In place of `Checks`."""

    async def check(self, _caller: Any, resource_id: UUID, version: int) -> Report:
        return Report(resource_id, version, datetime.now(UTC), ())


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> Callable[[Settings], FastAPI]:
    monkeypatch.setattr(Checks, "check", NoDefects.check)
    return only(build_reviews)


@dataclass
class Street(Panel):
    """A school, its city, and everybody who has to do with a few resources."""

    emptying: str = ""
    steps: int = 0
    decided: int = 0
    successes: Counter[str] = field(default_factory=Counter)
    """How often each action succeeded, in all stories."""
    states: Counter[State] = field(default_factory=Counter)
    """In which a resource was found after a step, in all stories."""
    people: Sequence[dict[str, str]] = ()
    helping: Sequence[dict[str, str]] = ()
    """The helper, with a token of the first author and with one of the second."""
    wrote: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    """Who changed or submitted each resource, by places in the cast."""

    def cast(self) -> Sequence[dict[str, str]]:
        """The first two are authors, who are reviewers too; a reviewer helps them write."""
        author = (f"teacher@{SCHOOL}", f"reviewer@{SCHOOL}", f"reviewer@{CITY}")
        school, city = (f"reviewer@{SCHOOL}",), (f"reviewer@{CITY}",)
        grants = [author, author, school, city, city, city, (f"administrator@{CITY}",)]
        acting = {"act": {"sub": f"person-{HELPER}"}}
        self.helping = [self.token(f"person-{n}", SCOPES, author, **acting) for n in range(2)]
        return [self.token(f"person-{each}", SCOPES, held) for each, held in enumerate(grants)]

    async def begin(self) -> tuple[str, str]:
        """A draft of each author in an empty catalogue: a story told again begins as it did."""
        await self.owner.execute(self.emptying)
        self.decided, self.people = 0, self.cast()
        self.wrote.clear()
        await self.owner.execute(
            "INSERT INTO review_policies (path, resource_type, importance, steps, mandatory,"
            " version, updated_at) VALUES (text2ltree($1), '', 'NORMAL', $2, false, 1, now())"
            " ON CONFLICT DO NOTHING",
            CITY,
            '[{"kind": "SCHOOL"}, {"kind": "CITY", "needed": 2, "seats": 3}]',
        )
        made = [
            await self.create({**PLAIN, "title": str(uuid7())}, headers=author)
            for author in self.people[:2]
        ]
        return made[0]["id"], made[1]["id"]

    async def state(self, resource_id: str) -> State:
        found = await self.owner.fetchval(
            "SELECT state FROM resources WHERE id = $1", UUID(resource_id)
        )
        return State(found)

    async def take(self, action: str, drawn: int, which: int, resource_id: str) -> str | None:
        """Try it as somebody who reads first; the action, where it was done."""
        index = who(action, drawn, which)
        person, writers = self.people[index], frozenset(self.wrote[resource_id])
        if action in WRITING and drawn == HELPING:
            index, person = HELPER, self.helping[which]
        if action == "look":
            await self.scheduler.work()
            return action
        url = f"{URL}/{resource_id}"
        seen = (await self.client.get(url, headers=self.people[ADMINISTRATOR])).json()
        tagged = {**person, "if-match": f'"v{seen["version"]}"'}
        if action == "change":
            patch = {"metadata": {"title": str(uuid7())}}
            answer = await self.client.patch(url, headers=tagged, json=patch)
        elif action in ("submit", "withdraw"):
            given = {"commitment": True} if action == "submit" else None
            answer = await self.client.post(f"{url}/{action}", headers=person, json=given)
        elif action in ("suspend", "restore"):
            body = DOWN if action == "suspend" else BACK
            answer = await self.client.post(f"{url}/{action}", headers=tagged, json=body)
        elif seen["review_id"] is None:
            return None
        else:
            url = f"{REVIEWS}/{seen['review_id']}"
            if action in AT_LEVEL and drawn < 5:
                index = await self._judge(url, drawn)
                person = self.people[index]
            answer = await self._review(action, person, url)
        assert answer.status_code in EXPECTED, answer.text
        if answer.status_code != 200:
            return None
        if action in WRITING:
            self.wrote[resource_id].add(index)
        if action in VERDICTS:
            assert index not in writers, f"{index} judged what they wrote: {action}"
            self.decided += 1
        self.successes[action] += 1
        return action

    async def _judge(self, url: str, drawn: int) -> int:
        """One of those who judge at the level that the review has reached."""
        told = (await self.client.get(url, headers=self.people[ADMINISTRATOR])).json()
        at = JUDGES[told["chain"][told["level"]]["kind"]]
        return at[drawn % len(at)]

    async def _review(self, action: str, person: dict[str, str], url: str) -> httpx2.Response:
        if action == "comment":
            return await self.client.post(
                f"{url}/comment", headers=person, json={"comment": "请看"}
            )
        if action in ("claim", "release"):
            return await self.client.post(f"{url}/{action}", headers=person)
        if action != "approve_unclaimed":
            await self.client.post(f"{url}/claim", headers=person)
        seen = (await self.client.get(url, headers=person)).json()
        body = {**VERDICTS[action], "digest": seen.get("digest", "0" * 64)}
        return await self.client.post(f"{url}/decide", headers=person, json=body)

    async def hangs_together(self) -> None:
        assert await self.owner.fetch(_WHAT_IS_BROKEN) == []
        assert await self.owner.fetchval("SELECT count(*) FROM review_verdicts") == self.decided


PLAIN: dict[str, Any] = {
    "rights_basis": {"kind": "own_work"},
    "licence": "CC-BY-4.0",
    "resource_types": ["coursewares"],
    "contributors": [{"name": "张敏", "role": "author"}],
}


def walked(start: State, done: Sequence[str]) -> set[State]:
    """Where `done`, in whatever order, may have led by the table."""
    return {end for order in permutations(done) for end in _ends({start}, order)}


def _ends(states: set[State], order: Iterable[str]) -> set[State]:
    for each in order:
        if each == "look":
            states = states | _step(_step(states, Action.EXAMINE), Action.OPEN_LEVEL)
            continue
        states = _step(states, Action.DECIDE if each in VERDICTS else Action(each))
        settled = set[State]()
        for sequence in AFTER.get(each, ()):
            ends = states
            for action in sequence:
                ends = _step(ends, action)
            settled |= ends
        states = states | settled
    return states


def _step(states: set[State], action: Action) -> set[State]:
    return {
        row.target or state
        for state in states
        for row in TRANSITIONS
        if row.action is action and state in row.sources
    }


def who(action: str, drawn: int, which: int) -> int:
    """Mostly those whose part it is; now and then somebody else."""
    if action == "withdraw":
        return drawn
    if action in WRITING:
        return drawn if drawn > 4 else which
    if action in ("suspend", "restore"):
        return drawn if drawn < 2 else ADMINISTRATOR
    return drawn


MOVES = st.lists(
    st.tuples(st.sampled_from(ACTIONS), st.integers(0, 6), st.integers(0, 1)),
    min_size=1,
    max_size=3,
)


def machine(street: Street, loop: asyncio.AbstractEventLoop) -> type[RuleBasedStateMachine]:
    def wait(doing: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(doing, loop).result()

    class Story(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.resources: tuple[str, str] = wait(street.begin())

        @rule(moves=MOVES)
        def at_once(self, moves: list[tuple[str, int, int]]) -> None:
            wait(self._at_once(moves))

        async def _at_once(self, moves: list[tuple[str, int, int]]) -> None:
            before = [await street.state(each) for each in self.resources]
            done = await asyncio.gather(
                *(
                    street.take(action, drawn, which, self.resources[which])
                    for action, drawn, which in moves
                )
            )
            for place, resource_id in enumerate(self.resources):
                succeeded = [
                    each
                    for each, (_, _, which) in zip(done, moves, strict=True)
                    if each == "look" or (each is not None and which == place)
                ]
                state = await street.state(resource_id)
                street.states[state] += 1
                assert state in walked(before[place], succeeded), (before[place], succeeded, state)
            await street.hangs_together()
            street.steps += 1

    return Story


@pytest.fixture
def street(
    settings: Settings,
    client: httpx2.AsyncClient,
    owner: asyncpg.Connection,
    token: Token,
    app: FastAPI,
    emptying: str,
) -> Street:
    return Street(client, owner, token, object_store(settings), app=app, emptying=emptying)


async def test_whatever_people_try_at_once_the_table_holds_and_no_decision_is_lost(
    street: Street,
) -> None:
    story = machine(street, asyncio.get_running_loop())
    # Some stories end early.
    while street.steps < STEPS:
        drawn = settings(
            max_examples=(STEPS - street.steps) // STEPS_A_STORY + 2,
            stateful_step_count=STEPS_A_STORY,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        await asyncio.to_thread(run_state_machine_as_test, story, settings=drawn)
    told = {each.value: count for each, count in street.states.items()}
    print(street.steps, dict(street.successes), told)  # noqa: T201 - what the stories were about
    assert street.successes["approve"], dict(street.successes)
