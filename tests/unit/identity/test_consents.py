from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain.consent_purposes import STARTER_PURPOSES
from services.identity.domain.guardians import (
    GATED_SCOPES,
    THIRD_PARTY,
    UNGATED_SCOPES,
    Consent,
    ConsentOver,
    Guardianship,
    GuardianshipState,
    Purpose,
    consented_scopes,
    current_purposes,
)
from shared.ids import uuid7

NOW = datetime(2026, 9, 1, tzinfo=UTC)
CHILD = uuid7()
GUARDIANS = [uuid7() for _ in range(3)]
NAMES = [THIRD_PARTY, "learning-space", "homework", "publish-works"]


scopes = st.frozensets(st.sampled_from(sorted(GATED_SCOPES)))
effects = st.integers(-9, 9).map(lambda days: NOW + timedelta(days=days))


@st.composite
def purposes(draw: st.DrawFn) -> list[Purpose]:
    return [
        Purpose(name, version, "", "", "", "", draw(scopes), draw(effects))
        for name in NAMES
        for version in range(1, draw(st.integers(1, 3)) + 1)
    ]


def guardianship(guardian: UUID, state: GuardianshipState, restricted: bool) -> Guardianship:
    fresh = Guardianship.none_yet(uuid7(), guardian, CHILD, NOW)
    return replace(fresh, state=state, restricted=restricted)


links = st.builds(
    guardianship, st.sampled_from(GUARDIANS), st.sampled_from(GuardianshipState), st.booleans()
)
consents = st.builds(
    Consent,
    id=st.builds(uuid7),
    child_id=st.just(CHILD),
    guardian_id=st.sampled_from(GUARDIANS),
    purpose=st.sampled_from(NAMES),
    purpose_version=st.integers(1, 3),
    given_at=st.just(NOW),
    withdrawn_at=st.sampled_from([None, NOW]),
)
family = st.tuples(
    st.lists(consents, max_size=6),
    st.lists(links, max_size=3, unique_by=lambda each: each.guardian_id),
    purposes(),
)
Family = tuple[list[Consent], list[Guardianship], list[Purpose]]


@given(family)
def test_a_minor_gets_openid_and_what_is_consented_to_and_no_more(told: Family) -> None:
    given_, guardians, versions = told
    current = current_purposes(versions, NOW)
    allowed = consented_scopes(given_, guardians, current, third_party=False)
    covered = {
        scope
        for each in given_
        if each.withdrawn_at is None
        for link in guardians
        if link.effective and link.guardian_id == each.guardian_id
        for purpose in current.values()
        if (purpose.purpose, purpose.version) == (each.purpose, each.purpose_version)
        for scope in purpose.scopes
    }
    assert allowed == UNGATED_SCOPES | covered


@given(family, st.data())
def test_withdrawing_never_opens_anything(told: Family, data: st.DataObject) -> None:
    given_, guardians, versions = told
    current = current_purposes(versions, NOW)
    before = consented_scopes(given_, guardians, current, third_party=False)
    gone = data.draw(st.sets(st.sampled_from(range(len(given_))))) if given_ else set()
    left = [
        replace(each, withdrawn_at=NOW) if place in gone else each
        for place, each in enumerate(given_)
    ]
    assert consented_scopes(left, guardians, current, third_party=False) <= before


@given(family, st.data())
def test_restricting_a_guardian_never_opens_anything(told: Family, data: st.DataObject) -> None:
    given_, guardians, versions = told
    current = current_purposes(versions, NOW)
    before = consented_scopes(given_, guardians, current, third_party=False)
    restricted = data.draw(st.sets(st.sampled_from(GUARDIANS)))
    after = [replace(e, restricted=e.restricted or e.guardian_id in restricted) for e in guardians]
    assert consented_scopes(given_, after, current, third_party=False) <= before


@given(purposes())
def test_the_current_version_is_the_latest_that_has_taken_effect(versions: list[Purpose]) -> None:
    current = current_purposes(versions, NOW)
    for name in NAMES:
        effective = [
            each.version for each in versions if each.purpose == name and each.effective_at <= NOW
        ]
        found = current.get(name)
        assert (found.version if found else None) == max(effective, default=None)


def test_without_any_consent_only_openid_is_left() -> None:
    current = current_purposes(STARTER_PURPOSES, NOW)
    assert consented_scopes([], [], current, third_party=False) == {"openid"}


@given(family)
def test_an_application_of_others_gets_openid_alone_without_consent_to_such(told: Family) -> None:
    given_, guardians, versions = told
    current = current_purposes(versions, NOW)
    allowed = consented_scopes(given_, guardians, current, third_party=True)
    effective = {each.guardian_id for each in guardians if each.effective}
    consented = any(
        each.purpose == THIRD_PARTY
        and each.withdrawn_at is None
        and each.guardian_id in effective
        and each.purpose in current
        and current[each.purpose].version == each.purpose_version
        for each in given_
    )
    own = current[THIRD_PARTY].scopes if consented else frozenset[str]()
    assert allowed == own | {"openid"}


def test_a_consent_is_withdrawn_once() -> None:
    consent = Consent(uuid7(), CHILD, GUARDIANS[0], "homework", 1, NOW)
    withdrawn = consent.withdrawn("mother", NOW)
    assert withdrawn.withdrawn_at == NOW
    with pytest.raises(ConsentOver):
        withdrawn.withdrawn("mother", NOW)


def test_the_starter_purposes_are_in_both_languages_and_open_gated_scopes_only() -> None:
    assert len({each.purpose for each in STARTER_PURPOSES}) == len(STARTER_PURPOSES)
    for each in STARTER_PURPOSES:
        assert each.title_zh
        assert each.title_en
        assert each.text_zh
        assert each.text_en
        assert each.scopes <= GATED_SCOPES


def test_analytics_opens_no_scope() -> None:
    (analytics,) = [each for each in STARTER_PURPOSES if each.purpose == "analytics"]
    assert analytics.scopes == frozenset()
