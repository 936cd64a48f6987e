from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain.people import (
    LIFECYCLE,
    Action,
    Membership,
    MembershipDatesRefused,
    MembershipOverlaps,
    Person,
    PersonActionRefused,
    Profile,
    Standing,
    State,
    age_on,
    folded_name,
    is_minor,
    join,
    masked_name,
    offers,
    refusal,
)
from shared.civil import civil_date, civil_midnight
from shared.ids import uuid7

NOW = datetime(2026, 9, 1, tzinfo=UTC)
TODAY = date(2026, 9, 1)
DAYS = st.dates(date(2020, 1, 1), date(2030, 12, 31))


def person(state: State = State.INVITED) -> Person:
    return Person(uuid7(), "A-0000-0000-0", state, Profile("张伟"), 1, NOW, NOW)


def membership(
    valid_from: date = date(2026, 1, 1), valid_until: date | None = None, path: str = "P.S"
) -> Membership:
    return Membership(
        id=uuid7(),
        person_id=uuid7(),
        organisation_id=uuid7(),
        kind="student",
        valid_from=valid_from,
        valid_until=valid_until,
        version=1,
        path=path,
        organisation_name="第一小学",
    )


@st.composite
def spans(draw: st.DrawFn) -> Membership:
    first, last = sorted((draw(DAYS), draw(DAYS)))
    return membership(first, draw(st.sampled_from([None, last])))


class TestLife:
    @given(st.lists(st.sampled_from(Action), max_size=12))
    def test_it_follows_the_table_and_nothing_else(self, actions: list[Action]) -> None:
        account = person()
        for action in actions:
            sources, target = LIFECYCLE[action].sources, LIFECYCLE[action].target
            if account.state in sources:
                after = account.after(action, NOW)
                assert after.state == (target or account.state)
                assert after.version == account.version + 1
                account = after
            else:
                with pytest.raises(PersonActionRefused):
                    account.after(action, NOW)

    @given(st.lists(st.sampled_from(Action), max_size=12))
    def test_who_was_erased_stays_erased_and_nameless(self, actions: list[Action]) -> None:
        account = person()
        for action in actions:
            if account.state in LIFECYCLE[action].sources:
                account = account.after(action, NOW)
        assert (account.profile is None) == (account.state is State.ERASED)
        assert all(State.ERASED not in each.sources for each in LIFECYCLE.values())

    def test_an_active_account_is_never_erased_in_one_step(self) -> None:
        with pytest.raises(PersonActionRefused):
            person(State.ACTIVE).after(Action.ERASE, NOW)

    @pytest.mark.parametrize("state", State)
    @pytest.mark.parametrize("standing", Standing)
    def test_what_is_offered_is_what_works(self, state: State, standing: Standing) -> None:
        offered = offers(state, standing)
        assert [each.action for each in offered] == list(LIFECYCLE)
        for each in offered:
            transition = LIFECYCLE[each.action]
            works = state in transition.sources and standing in transition.by
            assert (each.refusal is None) == works
            assert (each.explanation is None) == works

    @pytest.mark.parametrize("state", State)
    @pytest.mark.parametrize("action", Action)
    def test_nobody_acts_on_their_own_account(self, state: State, action: Action) -> None:
        assert refusal(action, state, Standing.SELF) in ("own_account", "invitation")

    def test_a_refusal_names_the_states_that_would_do(self) -> None:
        (erase,) = [
            each
            for each in offers(State.ACTIVE, Standing.REACHES_ALL)
            if each.action is Action.ERASE
        ]
        assert erase.explanation == (
            "It takes an account that is INVITED or LEFT.",
            "账号须处于以下状态：待激活、已离开。",
        )


class TestDays:
    def test_the_day_begins_in_china_before_it_does_in_greenwich(self) -> None:
        late = datetime(2026, 8, 31, 16, 0, tzinfo=UTC)
        assert civil_date(late) == TODAY
        assert civil_midnight(TODAY) == late
        assert civil_date(late - timedelta(seconds=1)) == date(2026, 8, 31)

    @given(st.dates(date(1900, 1, 1), date(2100, 1, 1)))
    def test_every_instant_after_midnight_is_that_day(self, day: date) -> None:
        assert civil_date(civil_midnight(day)) == day

    @pytest.mark.parametrize(
        ("born", "age"),
        [
            (date(2012, 9, 1), 14),
            (date(2012, 9, 2), 13),
            (date(2012, 8, 31), 14),
            (date(2008, 2, 29), 18),
        ],
    )
    def test_age_is_counted_in_completed_years(self, born: date, age: int) -> None:
        assert age_on(born, TODAY) == age

    def test_who_was_born_on_29_february_grows_older_on_1_march(self) -> None:
        assert age_on(date(2012, 2, 29), date(2026, 2, 28)) == 13
        assert age_on(date(2012, 2, 29), date(2026, 3, 1)) == 14

    def test_a_pupil_of_unknown_age_counts_as_a_minor(self) -> None:
        assert is_minor(None, True, TODAY, 14)
        assert not is_minor(None, False, TODAY, 14)

    def test_the_fourteenth_birthday_ends_minority(self) -> None:
        assert is_minor(date(2012, 9, 2), False, TODAY, 14)
        assert not is_minor(date(2012, 9, 1), True, TODAY, 14)


class TestMemberships:
    @given(spans(), DAYS)
    def test_it_holds_from_its_first_day_until_before_its_last(
        self, held: Membership, day: date
    ) -> None:
        inside = held.valid_from <= day and (held.valid_until is None or day < held.valid_until)
        assert held.holds(day) == inside

    @given(spans(), DAYS, DAYS)
    def test_what_has_ended_never_holds_again(
        self, held: Membership, day: date, later: date
    ) -> None:
        if held.ended(day) and later >= day:
            assert not held.holds(later)

    @given(spans(), DAYS)
    def test_ending_it_leaves_no_day_from_then_on(self, held: Membership, day: date) -> None:
        ended = held.ending(day)
        assert ended.ended(day)
        assert not ended.holds(day)

    @given(spans(), spans())
    def test_two_overlap_where_a_day_is_in_both(self, one: Membership, two: Membership) -> None:
        two = replace(two, organisation_id=one.organisation_id)
        starts = (one.valid_from, two.valid_from)
        shared = any(one.holds(day) and two.holds(day) for day in starts)
        assert one.overlaps(two) == two.overlaps(one) == shared

    def test_the_same_place_is_joined_once_at_a_time(self) -> None:
        held = membership()
        with pytest.raises(MembershipOverlaps):
            join([held], replace(held, id=uuid7()))
        join([held], replace(held, id=uuid7(), kind="staff"))
        join([held], held)

    def test_it_does_not_end_before_it_begins(self) -> None:
        with pytest.raises(MembershipDatesRefused):
            membership(date(2026, 9, 2), date(2026, 9, 1))

    def test_present_and_coming_places_answer_for_a_person(self) -> None:
        past = membership(date(2020, 1, 1), date(2026, 1, 1), "P.A")
        present, coming = membership(path="P.B"), membership(date(2027, 1, 1), path="P.C")
        account = replace(person(), memberships=(past, present, coming))
        assert account.paths(TODAY) == ("P.B", "P.C")

    def test_the_last_places_answer_for_who_left(self) -> None:
        past = membership(date(2020, 1, 1), date(2026, 1, 1), "P.A")
        assert replace(person(), memberships=(past,)).paths(TODAY) == ("P.A",)
        assert person().paths(TODAY) == ()


class TestNames:
    def test_spaces_dots_and_widths_make_no_other_name(self) -> None:
        assert folded_name("阿依古丽·买买提") == folded_name("阿依古丽 买买提")
        assert folded_name("Ｌｉ Ｍｉｎｇ") == folded_name("li ming")

    def test_a_masked_name_shows_its_first_character(self) -> None:
        assert masked_name("欧阳娜娜") == "欧***"

    def test_a_profile_is_not_printed(self) -> None:
        assert "张伟" not in repr(person())
