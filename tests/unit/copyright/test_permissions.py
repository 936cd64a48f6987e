"""Whether a policy permits a use: deny by default, and a prohibition wins."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.copyright.domain.licences import ACTIONS, TEMPLATES, Terms
from services.copyright.domain.odrl import Policy, Rule, Use, decide

REGISTRATION = "0191d0a0-0000-7000-8000-0000000000aa"
UNTIL = datetime(2027, 9, 1, tzinfo=UTC)
USE = Use(
    action="derive",
    at=UNTIL - timedelta(days=1),
    organisation="P0.C1.S1",
    role="teacher",
    area="320102",
)
TERMS = Terms(organisation="P0.C1.S1", roles=("teacher",), area="320100", until=UNTIL, times=3)


def policy(code: str, terms: Terms | None = None) -> Policy:
    return Policy.parse(TEMPLATES[code].policy(REGISTRATION, terms))


TEACHING = policy("school-use", TERMS)


def test_a_use_within_all_terms_is_permitted_and_owes_attribution() -> None:
    verdict = decide(TEACHING, USE)
    assert verdict.permitted
    assert verdict.duties == ("cc:Attribution",)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"at": UNTIL}, "expired"),
        ({"education": False}, "purpose"),
        ({"organisation": "P0.C1.S10"}, "recipient"),
        ({"organisation": "P0.C1"}, "recipient"),
        ({"organisation": None}, "recipient"),
        ({"role": "student"}, "role"),
        ({"role": None}, "role"),
        ({"area": "320200"}, "area"),
        ({"area": None}, "area"),
        ({"times": 4}, "count"),
        ({"commercial": True}, "prohibited"),
        ({"action": "cc:CommercialUse"}, "prohibited"),
    ],
)
def test_one_term_that_does_not_hold_is_the_reason(changed: dict[str, Any], code: str) -> None:
    verdict = decide(TEACHING, replace(USE, **changed))
    assert not verdict.permitted
    assert [each.code for each in verdict.reasons] == [code]


def test_those_below_the_organisation_are_within_it() -> None:
    assert decide(TEACHING, replace(USE, organisation="P0.C1.S1.K1")).permitted


def test_every_reason_is_told_at_once() -> None:
    verdict = decide(TEACHING, replace(USE, education=False, times=9, area=None))
    assert {each.code for each in verdict.reasons} == {"purpose", "count", "area"}


@pytest.mark.parametrize(
    ("code", "action", "commercial", "permitted"),
    [
        ("cc0-1.0", "derive", True, True),
        ("cc-by-4.0", "translate", True, True),
        ("cc-by-nc-4.0", "derive", False, True),
        ("cc-by-nc-4.0", "derive", True, False),
        ("cc-by-nd-4.0", "derive", False, False),
        ("cc-by-nd-4.0", "distribute", True, True),
        ("cc-by-nc-nd-4.0", "reproduce", False, True),
        ("cc-by-nc-nd-4.0", "translate", True, False),
    ],
)
def test_a_public_licence_permits_anyone_what_it_says(
    code: str, action: str, commercial: bool, permitted: bool
) -> None:
    use = Use(action=action, at=UNTIL, commercial=commercial, education=False)
    assert decide(policy(code), use).permitted is permitted


def test_share_alike_is_owed_by_whoever_derives() -> None:
    assert "cc:ShareAlike" in decide(policy("cc-by-sa-4.0"), USE).duties


USES = st.builds(
    Use,
    action=st.sampled_from(ACTIONS),
    at=st.datetimes(timezones=st.just(UTC), min_value=datetime(2026, 1, 1)),  # noqa: DTZ001 - hypothesis asks for naive
    commercial=st.booleans(),
    education=st.booleans(),
    organisation=st.sampled_from([None, "P0", "P0.C1", "P0.C1.S1", "P0.C1.S1.K1", "P9"]),
    role=st.sampled_from([None, "teacher", "student"]),
    area=st.sampled_from([None, "320000", "320102", "110000"]),
    times=st.integers(1, 5),
)
POLICIES = st.sampled_from(
    [TEACHING, policy("province-use", TERMS)]
    + [policy(code) for code, each in TEMPLATES.items() if not each.teaching]
)


@given(POLICIES, USES)
def test_what_is_permitted_is_covered_by_a_permission_and_by_no_prohibition(
    given_policy: Policy, use: Use
) -> None:
    verdict = decide(given_policy, use)
    assert verdict.reasons
    if verdict.permitted:
        actions = {use.action} | ({"cc:CommercialUse"} if use.commercial else set())
        assert actions <= {each.action for each in given_policy.permissions}
        assert not actions & {each.action for each in given_policy.prohibitions}


@given(POLICIES, USES)
def test_a_further_prohibition_never_permits_and_wins_over_its_permission(
    given_policy: Policy, use: Use
) -> None:
    stricter = replace(
        given_policy, prohibitions=(*given_policy.prohibitions, Rule(use.action, (), ()))
    )
    assert not decide(stricter, use).permitted


@given(POLICIES, USES)
def test_without_permissions_nothing_is_permitted(given_policy: Policy, use: Use) -> None:
    assert not decide(replace(given_policy, permissions=()), use).permitted


@given(USES, st.integers(0, 400))
def test_what_is_permitted_later_was_permitted_before(use: Use, days: int) -> None:
    earlier = replace(use, at=use.at - timedelta(days=days) if use.at.year > 2027 else use.at)
    if decide(TEACHING, use).permitted:
        assert decide(TEACHING, earlier).permitted


@given(USES)
def test_narrower_terms_permit_no_more(use: Use) -> None:
    wide = policy("school-use", Terms(organisation="P0.C1.S1"))
    if decide(TEACHING, use).permitted:
        assert decide(wide, use).permitted


def test_a_policy_is_plain_json_for_whoever_reads_it() -> None:
    told = json.loads(TEMPLATES["school-use"].policy(REGISTRATION, TERMS))
    assert {each["leftOperand"] for each in told["permission"][0]["constraint"]} == {
        *("purpose", "recipient", "spatial", "dateTime", "count")
    }
