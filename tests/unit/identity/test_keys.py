import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import KeySet

from services.identity.application import keys as application
from services.identity.application.keys import SigningKeys
from services.identity.domain.keys import (
    ACTIVE_FOR,
    PUBLISH_AHEAD,
    RETIRE_FOR,
    KeyState,
    NextKeyTooNew,
    Ring,
    SigningKey,
    due,
)
from shared.encryption import KeyRing, UndecryptableField
from shared.errors import Unavailable

pytestmark = pytest.mark.filterwarnings("ignore:Key size should be")

START = datetime(2026, 11, 22, tzinfo=UTC)
CACHED_FOR = timedelta(minutes=5)
TOKEN_LIFE = timedelta(minutes=10)
MASTER = KeyRing.parse("5a" * 32)


class Kept:
    """What a database would keep, and a unit of work and a store over it."""

    def __init__(self) -> None:
        self.keys: dict[str, tuple[SigningKey, bytes | None]] = {}
        self.history: dict[str, list[KeyState]] = {}
        self.audited: list[tuple[str, str]] = []
        self._locked = asyncio.Lock()

    @property
    def connection(self) -> Self:
        return self

    @property
    def audit(self) -> Self:
        return self

    def record(self, action: str, target: str, **_facts: Any) -> None:
        self.audited.append((action, target))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._locked.locked():
            self._locked.release()

    async def commit(self) -> None:
        self._locked.release()

    async def lock(self) -> None:
        await self._locked.acquire()

    async def all(self) -> Sequence[tuple[SigningKey, bytes | None]]:
        return list(self.keys.values())

    async def add(self, key: SigningKey, private: bytes) -> None:
        self.keys[key.kid] = (key, private)
        self.history[key.kid] = [key.state]

    async def move(self, key: SigningKey) -> None:
        private = None if key.state is KeyState.GONE else self.keys[key.kid][1]
        self.keys[key.kid] = (key, private)
        self.history[key.kid].append(key.state)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(autouse=True)
def small_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large RSA keys are slow to make."""
    monkeypatch.setattr(application, "RSA_BITS", 1024)


def signing_keys(
    kept: Kept, clock: Clock, published: list[Mapping[str, Any]] | None = None
) -> SigningKeys:
    told = published if published is not None else []
    return SigningKeys(lambda: kept, lambda _c: kept, MASTER, clock, told.append)  # type: ignore[arg-type, return-value]


def key(state: KeyState, created_at: datetime, entered_at: datetime) -> SigningKey:
    return SigningKey(f"{state}-{created_at}", Ring.ACCESS, state, {}, created_at, entered_at)


# --- the life of a key ---------------------------------------------------------------------------


def test_an_empty_ring_gets_a_key_that_signs_and_one_that_waits() -> None:
    assert due([], START).wanted == [KeyState.ACTIVE, KeyState.NEXT]


@given(st.lists(st.tuples(st.integers(1, 60 * 24 * 45), st.booleans()), max_size=40))
def test_however_time_passes_keys_never_go_back_and_the_ring_is_never_without(
    steps: list[tuple[int, bool]],
) -> None:
    now, ring, order = START, dict[str, SigningKey](), list(KeyState)
    for minutes, rotate in [(0, False), *steps]:
        now += timedelta(minutes=minutes)
        try:
            turn = due(ring.values(), now, rotate=rotate)
        except NextKeyTooNew:
            continue
        for moved in turn.moved:
            assert order.index(moved.state) == order.index(ring[moved.kid].state) + 1
            if moved.state is KeyState.ACTIVE:
                assert now - moved.created_at >= PUBLISH_AHEAD
            if moved.state is KeyState.GONE:
                assert now - ring[moved.kid].entered_at >= RETIRE_FOR
            ring[moved.kid] = moved
        for state in turn.wanted:
            made = SigningKey(f"{len(ring)}", Ring.ACCESS, state, {}, now, now)
            ring[made.kid] = made
        states = [each.state for each in ring.values()]
        assert states.count(KeyState.ACTIVE) == 1
        assert states.count(KeyState.NEXT) == 1


def test_a_key_signs_for_a_month_and_then_makes_way() -> None:
    active = key(KeyState.ACTIVE, START, START)
    following = key(KeyState.NEXT, START, START)
    assert due([active, following], START + ACTIVE_FOR - timedelta(seconds=1)).moved == []
    turn = due([active, following], START + ACTIVE_FOR)
    assert [each.state for each in turn.moved] == [KeyState.RETIRING, KeyState.ACTIVE]
    assert turn.wanted == [KeyState.NEXT]


def test_a_key_that_nobody_can_know_yet_is_not_made_to_sign() -> None:
    ring = [key(KeyState.ACTIVE, START, START), key(KeyState.NEXT, START, START)]
    with pytest.raises(NextKeyTooNew):
        due(ring, START + PUBLISH_AHEAD - timedelta(seconds=1), rotate=True)
    assert len(due(ring, START + PUBLISH_AHEAD, rotate=True).moved) == 2


# --- keys in hand --------------------------------------------------------------------------------


async def test_no_verification_fails_while_keys_turn_over() -> None:
    """A verifier that fetched the published keys five minutes ago verifies every token that is
    good now, through forced and regular rotations."""
    kept, clock, published = Kept(), Clock(), list[Mapping[str, Any]]()
    keys = signing_keys(kept, clock, published)
    seen: list[tuple[datetime, Mapping[str, Any]]] = []
    tokens: list[tuple[datetime, str]] = []
    for step in range(60):
        await keys.tend()
        if step in (12, 40):
            await keys.tend(rotate=True)
        if step == 50:  # a month later, nobody holds anything from before
            clock.now += ACTIVE_FOR
            seen.clear()
            tokens.clear()
            await keys.tend()
        seen.append((clock.now, published[-1]))
        tokens.append((clock.now, keys.sign_access({"sub": "x"})))
        fetched = [each for at, each in seen if clock.now - at >= CACHED_FOR] or [seen[0][1]]
        for known in (published[-1], fetched[-1]):
            verifier = KeySet.import_key_set(known)  # type: ignore[arg-type]
            for issued_at, token in tokens:
                if clock.now - issued_at <= TOKEN_LIFE:
                    jwt.decode(token, verifier, algorithms=["ES256"])
        clock.now += timedelta(minutes=3)
    order = list(KeyState)
    for states in kept.history.values():
        assert states == sorted(states, key=order.index)


async def test_two_replicas_that_start_at_once_make_one_set_of_keys() -> None:
    kept, clock = Kept(), Clock()
    one, other = signing_keys(kept, clock), signing_keys(kept, clock)
    await asyncio.gather(one.tend(), other.tend())
    assert len(kept.keys) == 4
    assert one.published() == other.published()


async def test_a_kid_is_the_thumbprint_of_its_key() -> None:
    kept = Kept()
    keys = signing_keys(kept, Clock())
    await keys.tend()
    for each in KeySet.import_key_set(keys.published()):  # type: ignore[arg-type]
        assert each.kid == each.thumbprint()


async def test_a_private_key_is_encrypted_where_it_stands_and_erased_when_it_is_gone() -> None:
    kept, clock = Kept(), Clock()
    keys = signing_keys(kept, clock)
    await keys.tend()
    for signing_key, private in kept.keys.values():
        assert private is not None
        assert b'"d"' not in private
        with pytest.raises(UndecryptableField):
            MASTER.decrypt("signing-keys", private, application._place("elsewhere"))
        assert "d" not in signing_key.public
    clock.now += PUBLISH_AHEAD
    await keys.tend(rotate=True)
    clock.now += RETIRE_FOR
    await keys.tend()
    gone = [private for each, private in kept.keys.values() if each.state is KeyState.GONE]
    assert gone == [None, None]


async def test_a_hint_is_read_long_after_its_key_is_gone_and_others_are_not() -> None:
    kept, clock = Kept(), Clock()
    keys = signing_keys(kept, clock)
    await keys.tend()
    claims = {"iss": "us", "sub": "somebody", "aud": "client", "exp": 1}
    hint = keys.sign_id(claims)
    clock.now += PUBLISH_AHEAD
    await keys.tend(rotate=True)
    clock.now += RETIRE_FOR
    await keys.tend()
    assert keys.read_hint(hint, "us") == claims
    assert keys.read_hint(hint, "others") is None
    assert keys.read_hint(keys.sign_access(claims), "us") is None
    assert keys.read_hint("a.b.c", "us") is None
    kids = {each["kid"] for each in keys.published()["keys"]}
    assert kids.isdisjoint({k for k, (each, _) in kept.keys.items() if each.state is KeyState.GONE})


async def test_before_the_keys_are_read_nothing_is_signed() -> None:
    keys = signing_keys(Kept(), Clock())
    with pytest.raises(Unavailable):
        keys.sign_access({})
    with pytest.raises(Unavailable):
        keys.read_hint("a.b.c", "us")


def test_entering_a_state_notes_when() -> None:
    one = key(KeyState.NEXT, START, START)
    later = START + timedelta(days=1)
    assert one.entering(KeyState.ACTIVE, later) == replace(
        one, state=KeyState.ACTIVE, entered_at=later
    )
