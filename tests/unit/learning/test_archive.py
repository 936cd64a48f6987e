from datetime import date

import pytest

from services.learning.domain.archive import Term, TermNotBegun, TermOver


def test_terms_begin_in_september_and_february() -> None:
    autumn, spring = Term.parse("2026-1"), Term.parse("2026-2")
    assert (str(autumn.begins), str(spring.begins)) == ("2026-09-01", "2027-02-01")
    assert (str(autumn), str(spring)) == ("2026-1", "2026-2")


@pytest.mark.parametrize("text", ["2026", "2026-3", "26-1", "2026-1 ", "1999-1"])
def test_what_is_no_term_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no term"):
        Term.parse(text)


@pytest.mark.parametrize(
    ("day", "term"),
    [
        ("2026-09-01", "2026-1"),
        ("2026-12-31", "2026-1"),
        ("2027-01-31", "2026-1"),
        ("2027-02-01", "2026-2"),
        ("2027-08-31", "2026-2"),
    ],
)
def test_every_day_is_of_the_term_that_began_last(day: str, term: str) -> None:
    assert str(Term.at(date.fromisoformat(day))) == term


def test_a_snapshot_is_of_the_present_term_or_of_the_one_just_over() -> None:
    autumn = Term.parse("2026-1")
    with pytest.raises(TermNotBegun):
        autumn.check_present(date(2026, 8, 31))
    for day in (date(2026, 9, 1), date(2027, 1, 31), date(2027, 3, 2)):
        autumn.check_present(day)
    with pytest.raises(TermOver):
        autumn.check_present(date(2027, 3, 3))
