import pytest

from services.learning.domain.archive import Term


def test_terms_begin_in_september_and_february() -> None:
    autumn, spring = Term.parse("2026-1"), Term.parse("2026-2")
    assert (str(autumn.begins), str(spring.begins)) == ("2026-09-01", "2027-02-01")
    assert (str(autumn), str(spring)) == ("2026-1", "2026-2")


@pytest.mark.parametrize("text", ["2026", "2026-3", "26-1", "2026-1 ", "1999-1"])
def test_what_is_no_term_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no term"):
        Term.parse(text)
