"""Prints of texts: few, and where two texts share a passage the same."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.winnowing import GRAM, WINDOW, Winnowed, winnow


def words(seed: int, letters: int) -> str:
    """A text of so many Chinese characters, which no other seed repeats."""
    rng = random.Random(seed)
    return "".join(chr(0x4E00 + rng.randrange(3000)) for _ in range(letters))


@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 1000))
def test_a_passage_of_a_gram_and_a_window_leaves_a_print_in_both_texts(
    before: int, after: int, seed: int
) -> None:
    shared = words(seed, GRAM + WINDOW - 1)
    one = winnow(words(seed + 5000, before) + shared + words(seed + 6000, after))
    other = winnow(words(seed + 7000, after) + shared + words(seed + 8000, before))
    assert one.hashes & other.hashes


def test_marks_blanks_width_and_case_do_not_count() -> None:
    text = words(1, 300) + "Pythagoras and the theorem of 3 4 5"
    dressed = "\n".join(text[at : at + 7] for at in range(0, len(text), 7)).upper()
    assert winnow(dressed.replace("3 4 5", "３，４；５")).hashes == winnow(text).hashes


def test_a_print_stands_where_its_run_begins() -> None:
    text = "，" + words(2, 40)
    for each in winnow(text).prints:
        assert winnow(text[each.at : each.at + GRAM]).hashes == {each.hash}


@pytest.mark.parametrize("text", ["", "，。！", "认识分数"])
def test_a_text_shorter_than_a_run_has_no_prints(text: str) -> None:
    assert winnow(text).prints == ()


def test_thinning_chooses_the_same_prints_of_every_text() -> None:
    whole = winnow(words(3, 20_000))
    part = winnow(words(3, 20_000)[5000:15_000])
    thin = whole.thinned(500)
    assert len(thin.prints) <= 500
    common = part.hashes & whole.hashes
    assert {each for each in common if each % thin.every == 0} <= thin.hashes


def test_prints_are_read_back_as_they_were_written() -> None:
    made = winnow(words(4, 5000)).thinned(100)
    assert Winnowed.decoded(made.letters, made.every, made.encoded) == made
    with pytest.raises(ValueError, match="pairs"):
        Winnowed.decoded(8, 1, "AAAA")
