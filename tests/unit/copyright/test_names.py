"""People are told in their language what is not possible, and what to do instead."""

import re
from importlib.resources import files

import pytest

from services.copyright.domain.names import KINDS, STANDINGS, whose, why_not_now
from services.copyright.verify.events import RULES, Registration, Standing

SOURCE = files("services.copyright.verify").joinpath("events.py").read_text()
REASONS = sorted(set(re.findall(r'NotAllowedNow\("([^"]+)"\)', SOURCE)))


def test_every_event_and_standing_has_its_name() -> None:
    assert KINDS.keys() == RULES.keys()
    assert STANDINGS.keys() == set(Standing)
    assert all("由" in whose(kind)[1] for kind in RULES)


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_against_an_event_is_told_in_both_languages(reason: str) -> None:
    state = Registration(standing=Standing.ACTIVE)
    en, zh = why_not_now(state, "licence.agree", reason)
    assert reason in en
    assert "请重新读取登记" in zh
    assert reason not in zh


@pytest.mark.parametrize("standing", Standing)
def test_a_standing_that_has_no_place_for_an_event_is_named(standing: Standing) -> None:
    for kind, rule in RULES.items():
        if standing not in rule.standings:
            en, zh = why_not_now(Registration(standing=standing), kind, "")
            assert STANDINGS[standing][1] in en
            assert STANDINGS[standing][0] in zh
