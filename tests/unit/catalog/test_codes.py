"""What a version's event tells of its texts."""

import random

from services.catalog.domain.codes import MOST_PRINTS_TOLD, published_texts
from shared.winnowing import winnow


def text(seed: int, letters: int) -> str:
    rng = random.Random(seed)
    return "".join(chr(0x4E00 + rng.randrange(3000)) for _ in range(letters))


def test_many_long_texts_are_told_by_fewer_prints_each() -> None:
    long = winnow(text(1, 30_000))
    told = published_texts([(f"{place}.txt", long) for place in range(100)])
    assert len(told) == 100
    assert sum(len(each.prints) * 3 // 4 // 8 for each in told) <= MOST_PRINTS_TOLD
    assert all(each.every > 1 for each in told)


def test_a_text_without_prints_is_not_told() -> None:
    assert published_texts([("a.txt", winnow("字")), ("b.txt", winnow(text(2, 50)))]) == (
        published_texts([("b.txt", winnow(text(2, 50)))])
    )
