import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.copyright.verify.events import (
    RULES,
    EventRefused,
    NotAllowedNow,
    NotTheirs,
    Registration,
    StaleHead,
    Standing,
    fold,
)
from services.copyright.verify.leaf import DETAILS, Leaf, event_hash
from tests.unit.copyright.samples import event

AUTHOR, SCHOOL, OTHER = (letter * 64 for letter in "abc")
HASH = "d" * 64
POLICY = {"rights_policy_sha256": HASH}
TEXT = {"detail": {"text": HASH}}


def history(*steps: tuple[str, str | None, dict[str, Any]]) -> list[bytes]:
    entries: list[bytes] = []
    for kind, subject, changed in steps:
        entries.append(event(entries, kind, subject, **changed))
    return entries


REGISTERED: tuple[str, str, dict[str, Any]] = ("register", AUTHOR, {"rights_policy_sha256": None})
OFFERED = ("licence.offer", AUTHOR, POLICY)


def then(entries: list[bytes], kind: str, subject: str | None, **changed: Any) -> list[bytes]:
    return [*entries, event(entries, kind, subject, **changed)]


def test_whoever_registers_holds() -> None:
    state = fold(history(REGISTERED))
    assert (state.standing, state.holder, state.version) == (Standing.ACTIVE, AUTHOR, 1)


def test_a_transfer_takes_effect_only_when_its_recipient_accepts() -> None:
    proposed = history(REGISTERED, ("transfer.propose", AUTHOR, {"detail": {"to": SCHOOL}}))
    assert fold(proposed).holder == AUTHOR
    proposal = {"proposal": event_hash(proposed[-1])}
    with pytest.raises(NotTheirs):
        fold(then(proposed, "transfer.accept", OTHER, detail=proposal))
    with pytest.raises(NotTheirs):
        fold(then(proposed, "transfer.accept", AUTHOR, detail=proposal))
    accepted = fold(then(proposed, "transfer.accept", SCHOOL, detail=proposal))
    assert (accepted.holder, accepted.proposal) == (SCHOOL, None)


def test_of_two_events_at_once_one_wins() -> None:
    registered = history(REGISTERED)
    first = then(registered, "transfer.propose", AUTHOR, detail={"to": SCHOOL})
    second = event(registered, "transfer.propose", AUTHOR, detail={"to": OTHER})
    with pytest.raises(StaleHead):
        fold([*first, second])


def test_a_proposal_replaced_by_another_cannot_be_accepted() -> None:
    entries = history(REGISTERED, ("transfer.propose", AUTHOR, {"detail": {"to": SCHOOL}}))
    old = event_hash(entries[-1])
    entries = then(entries, "transfer.propose", AUTHOR, detail={"to": SCHOOL})
    with pytest.raises(NotAllowedNow):
        fold(then(entries, "transfer.accept", SCHOOL, detail={"proposal": old}))


def test_an_offer_lapses_with_its_holder_and_an_agreement_does_not() -> None:
    entries = history(REGISTERED, OFFERED)
    offer = {"offer": event_hash(entries[-1])}
    entries = then(entries, "licence.agree", OTHER, detail=offer)
    entries = then(entries, "transfer.propose", AUTHOR, detail={"to": SCHOOL})
    proposal = {"proposal": event_hash(entries[-1])}
    entries = then(entries, "transfer.accept", SCHOOL, detail=proposal)
    assert fold(entries).offers == {offer["offer"]: (OTHER,)}
    with pytest.raises(NotAllowedNow):
        fold(then(entries, "licence.agree", AUTHOR, detail=offer))
    revoked = then(entries, "licence.revoke", SCHOOL, detail=offer)
    assert fold(revoked).revoked_offers == {offer["offer"]}
    with pytest.raises(NotAllowedNow):
        fold(then(revoked, "licence.revoke", SCHOOL, detail=offer))


def test_the_licence_a_registration_names_is_offered_until_a_revision_names_another() -> None:
    entries = history(("register", AUTHOR, POLICY))
    first = event_hash(entries[-1])
    entries = then(entries, "licence.agree", OTHER, detail={"offer": first})
    entries = then(entries, "revise", AUTHOR, **POLICY)
    state = fold(entries)
    assert state.open_offers == {state.declared} == {event_hash(entries[-1])}
    assert state.offers[first] == (OTHER,)
    with pytest.raises(NotAllowedNow):
        fold(then(entries, "licence.agree", OTHER, detail={"offer": first}))


def test_a_licence_never_offered_is_neither_agreed_to_nor_revoked() -> None:
    offered = history(REGISTERED, OFFERED)
    for kind, subject in (("licence.agree", OTHER), ("licence.revoke", AUTHOR)):
        with pytest.raises(NotAllowedNow):
            fold(then(offered, kind, subject, detail={"offer": HASH}))


@pytest.mark.parametrize(
    ("outcome", "standing"), [("upheld", Standing.REMOVED), ("rejected", Standing.ACTIVE)]
)
def test_a_notice_is_countered_and_decided(outcome: str, standing: Standing) -> None:
    entries = history(
        REGISTERED, ("takedown.notice", OTHER, TEXT), ("takedown.counter", AUTHOR, TEXT)
    )
    detail = {"text": HASH, "outcome": outcome}
    with pytest.raises(NotTheirs):
        fold(then(entries, "takedown.decision", OTHER, detail=detail))
    decided = then(entries, "takedown.decision", None, detail=detail)
    assert fold(decided).standing == standing
    if standing is Standing.REMOVED:
        assert fold(then(decided, "restore", None, **TEXT)).standing is Standing.ACTIVE


def test_nothing_is_transferred_while_it_is_disputed() -> None:
    entries = history(REGISTERED, ("claim.dispute", OTHER, TEXT))
    with pytest.raises(NotAllowedNow):
        fold(then(entries, "transfer.propose", AUTHOR, detail={"to": SCHOOL}))


def test_a_revision_does_not_go_back() -> None:
    entries = history(("register", AUTHOR, {"resource_version": 2}))
    with pytest.raises(NotAllowedNow):
        fold(then(entries, "revise", AUTHOR))
    assert fold(then(entries, "revise", AUTHOR, resource_version=3)).version == 3


def test_the_platforms_own_events_are_a_stream_apart() -> None:
    head = {"detail": {"service": "catalog", "entries": 5, "head": HASH}}
    stream = history(("audit.head", None, head), ("policy.publish", None, POLICY))
    assert fold(stream).standing is Standing.PLATFORM
    with pytest.raises(NotAllowedNow):
        fold(then(stream, "register", AUTHOR))
    with pytest.raises(NotAllowedNow):
        fold(then(history(REGISTERED), "audit.head", None, **head))


def test_an_event_of_another_registration_is_refused() -> None:
    entries = history(REGISTERED)
    elsewhere = "0191d0a0-0000-7000-8000-0000000000bb"
    with pytest.raises(StaleHead):
        fold(then(entries, "revise", AUTHOR, reg_id=elsewhere))


def test_every_event_type_has_its_rule() -> None:
    assert RULES.keys() == DETAILS.keys()


def detail_of(kind: str, state: Registration, subject: str) -> dict[str, Any]:
    """A detail that names what there is to be named."""
    standing = sorted(state.open_offers) or sorted(state.offers.keys() - state.revoked_offers)
    offered = standing[0] if standing else HASH
    named = {
        "offer": offered,
        "to": subject,
        "proposal": state.proposal.event if state.proposal else HASH,
        "text": HASH,
        "outcome": "upheld",
        "vkey": "log.example+01234567+AAAA",
        "replaces": None,
        "origin": "log.example/test",
        "size": 7,
        "root": HASH,
        "sm3_root": HASH,
        "service": "catalog",
        "entries": 1,
        "head": HASH,
    }
    return {name: named[name] for name in DETAILS[kind]}


STEPS = st.tuples(
    st.sampled_from(sorted(RULES)),
    st.sampled_from([AUTHOR, SCHOOL, OTHER, None]),
    st.sampled_from([AUTHOR, SCHOOL, OTHER]),
)


@settings(deadline=None)
@given(st.lists(STEPS, max_size=25))
def test_what_is_told_to_be_allowed_is_what_is_accepted(
    steps: list[tuple[str, str | None, str]],
) -> None:
    state, entries = Registration(), list[bytes]()
    for kind, subject, recipient in steps:
        told = kind in state.allowed(subject)
        changed: dict[str, Any] = {"detail": detail_of(kind, state, recipient)}
        if kind in ("licence.offer", "policy.publish"):
            changed |= POLICY
        data = event(entries, kind, subject, **changed)
        try:
            after = state.applied(Leaf.parse(data), data)
        except EventRefused:
            to_oneself = kind == "transfer.propose" and recipient == state.holder
            assert not told or to_oneself
            continue
        assert told
        if after.holder != state.holder:
            assert kind in ("register", "transfer.accept")
            assert subject == after.holder
        assert after.length == state.length + 1
        state, entries = after, [*entries, data]
    assert fold(entries) == state


def test_every_standing_of_a_registration_can_be_reached_and_left() -> None:
    reached = {rule.to for rule in RULES.values() if rule.to} | {Standing.REMOVED}
    assert reached | {Standing.NEW} == set(Standing)
    left = set(itertools.chain.from_iterable(rule.standings for rule in RULES.values()))
    assert left == set(Standing)
