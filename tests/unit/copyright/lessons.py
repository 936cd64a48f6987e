"""Made-up Chinese texts, and what people do to texts: for tests of likeness."""

import random
from collections.abc import Sequence

_WORDS = random.Random(0)
VOCABULARY = [
    "".join(chr(0x4E00 + _WORDS.randrange(2500)) for _ in range(_WORDS.choice((1, 2, 2, 2, 3))))
    for _ in range(2000)
]
_WEIGHTS = [1 / place for place in range(1, len(VOCABULARY) + 1)]
_SENTENCE, _PARAGRAPH = 12, 60


def words(seed: int, count: int = 1500) -> list[str]:
    """As often as words of a language are: the nth in proportion to 1/n (Zipf)."""
    return random.Random(seed).choices(VOCABULARY, _WEIGHTS, k=count)


def edited(words: Sequence[str], share: float, seed: int) -> list[str]:
    """With this share of the words replaced."""
    rng = random.Random(seed)
    return [rng.choice(VOCABULARY) if rng.random() < share else each for each in words]


def shuffled(words: Sequence[str], seed: int) -> list[str]:
    """With its paragraphs in another order."""
    paragraphs = [words[at : at + _PARAGRAPH] for at in range(0, len(words), _PARAGRAPH)]
    random.Random(seed).shuffle(paragraphs)
    return [each for paragraph in paragraphs for each in paragraph]


def text(words: Sequence[str]) -> str:
    """In sentences and paragraphs."""
    sentences = [words[at : at + _SENTENCE] for at in range(0, len(words), _SENTENCE)]
    paragraph = _PARAGRAPH // _SENTENCE
    return "".join(
        "".join(each) + ("。\n" if place % paragraph == paragraph - 1 else "。")
        for place, each in enumerate(sentences)
    )
