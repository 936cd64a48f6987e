"""API keys as the control plane remembers them."""

import asyncio
from dataclasses import replace
from ipaddress import ip_network

import pytest

from gateway.application import keys as module
from gateway.application.keys import IssuerAway, Keys, KnownKey

GOOD = "sy_7K3M9QXB" + "a" * 43
KNOWN = KnownKey("client", "standard", "token", 600.0)


class Issuer:
    def __init__(self) -> None:
        self.asked = 0
        self.away = False
        self.live = True
        self.known = KNOWN

    async def exchange(self, key: str) -> KnownKey | None:
        self.asked += 1
        await asyncio.sleep(0)
        if self.away:
            raise IssuerAway
        return self.known if self.live and key == GOOD else None


class Clock:
    """`time`, for the module under test."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


async def test_a_live_key_is_asked_about_once_however_many_requests_come(clock: Clock) -> None:
    issuer = Issuer()
    keys = Keys(issuer)
    found = await asyncio.gather(*(keys.find(GOOD) for _ in range(100)))
    assert found == [KNOWN] * 100
    assert await keys.find(GOOD) == KNOWN
    assert issuer.asked == 1


async def test_a_revoked_key_is_refused_within_seconds(clock: Clock) -> None:
    issuer = Issuer()
    keys = Keys(issuer)
    assert await keys.find(GOOD)
    issuer.live = False
    clock.now += module.FRESH_SECONDS
    assert await keys.find(GOOD) is None


async def test_while_the_issuer_is_away_a_good_key_is_good_for_less_than_a_minute(
    clock: Clock,
) -> None:
    issuer = Issuer()
    keys = Keys(issuer)
    assert await keys.find(GOOD)
    issuer.away = True
    clock.now = module.STALE_SECONDS - 1
    assert await keys.find(GOOD) == KNOWN
    clock.now = module.STALE_SECONDS + 1
    with pytest.raises(IssuerAway):
        await keys.find(GOOD)


async def test_an_unknown_key_is_not_let_through_because_the_issuer_is_away(clock: Clock) -> None:
    issuer = Issuer()
    issuer.away = True
    with pytest.raises(IssuerAway):
        await Keys(issuer).find(GOOD)


async def test_a_token_is_passed_on_only_while_services_take_it(clock: Clock) -> None:
    issuer = Issuer()
    issuer.known = replace(KNOWN, lives_seconds=8.0)
    keys = Keys(issuer)
    assert await keys.find(GOOD)
    issuer.away = True
    clock.now = 3.5
    with pytest.raises(IssuerAway):
        await keys.find(GOOD)


@pytest.mark.parametrize(
    "key", ["", "sy_", GOOD + "a", GOOD[:-1], GOOD.upper(), f" {GOOD}", f"{GOOD},{GOOD}"]
)
async def test_what_is_not_shaped_like_a_key_is_asked_of_nobody(key: str) -> None:
    issuer = Issuer()
    assert await Keys(issuer).find(key) is None
    assert issuer.asked == 0


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 10)
    issuer = Issuer()
    keys = Keys(issuer)
    for number in range(50):
        await keys.find(f"sy_7K3M9QXB{number:043d}")
    assert issuer.asked == 50
    await keys.find(f"sy_7K3M9QXB{49:043d}")
    assert issuer.asked == 50
    await keys.find(f"sy_7K3M9QXB{0:043d}")
    assert issuer.asked == 51


@pytest.mark.parametrize(
    ("address", "admitted"),
    [
        ("198.51.100.7", True),
        ("::ffff:198.51.100.7", True),
        ("2001:db8::1", True),
        ("198.51.101.7", False),
        ("", False),
        ("unix:", False),
    ],
)
def test_a_key_is_bound_to_the_networks_of_its_application(address: str, admitted: bool) -> None:
    bound = KnownKey(
        *("client", "standard", "token", 600.0),
        (ip_network("198.51.100.0/24"), ip_network("2001:db8::/32")),
    )
    assert bound.admits(address) is admitted
    assert KNOWN.admits(address)
