from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain.guardians import (
    GUARDIANSHIP,
    Guardianship,
    GuardianshipAction,
    GuardianshipActionRefused,
    GuardianshipState,
)
from shared.ids import uuid7

NOW = datetime(2026, 9, 1, tzinfo=UTC)


def link(
    state: GuardianshipState = GuardianshipState.ENDED, restricted: bool = False
) -> Guardianship:
    fresh = Guardianship.none_yet(uuid7(), uuid7(), uuid7(), NOW)
    return replace(fresh, state=state, restricted=restricted)


@given(st.lists(st.sampled_from(GuardianshipAction), max_size=10), st.booleans())
def test_a_link_follows_its_table_and_keeps_its_restriction(
    actions: list[GuardianshipAction], restricted: bool
) -> None:
    held = link(restricted=restricted)
    for action in actions:
        target = GUARDIANSHIP.get((held.state, action))
        if target is None:
            with pytest.raises(GuardianshipActionRefused):
                held.after(action)
            continue
        held = held.after(action)
        assert held.state == target
        assert held.restricted == restricted


@pytest.mark.parametrize("state", GuardianshipState)
@pytest.mark.parametrize("restricted", [False, True])
def test_only_a_verified_guardian_without_restriction_counts(
    state: GuardianshipState, restricted: bool
) -> None:
    effective = state is GuardianshipState.VERIFIED and not restricted
    assert link(state, restricted).effective == effective


def test_a_claim_alone_opens_nothing() -> None:
    assert not link().after(GuardianshipAction.CLAIM).effective


def test_verification_names_who_made_it() -> None:
    verified = link(GuardianshipState.CLAIMED).verified("a teacher", NOW)
    assert (verified.verified_by, verified.verified_at) == ("a teacher", NOW)
    assert verified.effective
