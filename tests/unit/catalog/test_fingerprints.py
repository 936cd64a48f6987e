"""How much two texts have in common."""

import random

import pytest

from services.catalog.domain.fingerprints import (
    BANDS,
    FEWEST_GRAMS,
    SLOTS,
    Fingerprint,
    fingerprint,
)


def prose(seed: int, characters: int = 4000) -> str:
    drawn = random.Random(seed)
    return "".join(chr(drawn.randrange(0x4E00, 0x5200)) for _ in range(characters))


def made(text: str) -> Fingerprint:
    found = fingerprint(text)
    assert found is not None
    return found


def test_a_short_text_has_none() -> None:
    assert fingerprint("分数的初步认识") is None
    assert fingerprint("啊" * 10_000) is None
    assert fingerprint(prose(1, FEWEST_GRAMS + 4)) is not None


def test_spaces_punctuation_width_and_case_make_no_difference() -> None:
    plain = "The heron stands in the river ABC" + prose(2)
    noisy = " ".join("the heron, stands in the RIVER！ＡＢＣ" + prose(2))
    assert made(plain) == made(noisy)


def test_it_is_stored_and_read_back() -> None:
    found = made(prose(3))
    assert Fingerprint.unpacked(found.grams, found.packed) == found
    assert (len(found.signature), len(found.bands)) == (SLOTS, BANDS)
    assert all(-(2**63) <= key < 2**63 for key in found.bands)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75, 1.0])
def test_containment_is_estimated(share: float) -> None:
    ours = prose(4)
    cut = int(len(ours) * share)
    theirs = ours[:cut] + prose(5, len(ours) - cut)
    estimated = made(ours).containment(made(theirs))
    assert estimated == pytest.approx(share, abs=0.15)


def test_a_part_taken_over_whole_is_contained_in_what_took_it() -> None:
    part = prose(6, 1500)
    assert made(part).containment(made(part + prose(7, 1500))) > 0.8


def test_texts_that_share_half_meet_in_a_band_and_strangers_do_not() -> None:
    met = strangers = 0
    for seed in range(40):
        ours = prose(100 + seed, 2000)
        half = made(ours[:1400] + prose(200 + seed, 600))
        met += bool(set(enumerate(made(ours).bands)) & set(enumerate(half.bands)))
        other = made(prose(300 + seed, 2000))
        strangers += bool(set(enumerate(made(ours).bands)) & set(enumerate(other.bands)))
    assert met == 40
    assert strangers == 0
