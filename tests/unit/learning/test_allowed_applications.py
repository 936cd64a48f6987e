from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.learning.domain.allowed_applications import (
    TRANSITIONS,
    Action,
    ActionRefused,
    AllowedApplication,
    State,
)
from shared.ids import uuid7

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ALLOWED = AllowedApplication(
    uuid7(), "P0", "1", "n", "d", "https://a.cn", (), (), State.ALLOWED, 1, NOW, NOW
)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("action", Action)
def test_an_action_leads_where_the_table_says_or_is_refused(state: State, action: Action) -> None:
    before = replace(ALLOWED, state=state)
    assert (action in before.actions) == ((state, action) in TRANSITIONS)
    if action in before.actions:
        after = before.after(action, NOW)
        assert (after.state, after.version) == (TRANSITIONS[state, action], 2)
    else:
        with pytest.raises(ActionRefused):
            before.after(action, NOW)


def test_what_is_withdrawn_stays_withdrawn() -> None:
    assert replace(ALLOWED, state=State.WITHDRAWN).actions == []
