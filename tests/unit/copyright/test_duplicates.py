"""Which texts are told as alike, and where they are."""

import io
from collections.abc import Callable, Sequence
from statistics import median

import iscc_core  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iscc_lib import MT

from services.copyright.domain.duplicates import (
    BITS,
    FEWEST_LETTERS,
    NEAR,
    REVIEW,
    Compared,
    Match,
    Registered,
    Tier,
    Units,
    composite,
    content,
    passages,
    share,
    strongest,
    text_code,
    tier_of,
    unit,
    units,
)
from services.copyright.verify.leaf import Leaf
from shared.ids import uuid7
from shared.winnowing import GRAM, WINDOW, winnow
from tests.unit.copyright.lessons import edited, shuffled, text, words
from tests.unit.copyright.samples import event

SEEDS = range(12)
Change = Callable[[Sequence[str], int], Sequence[str]]


def distance(one: str, other: str) -> int:
    a, b = (int.from_bytes(text_code(each).digest) for each in (one, other))
    return (a ^ b).bit_count()


def distances(change: Change) -> list[int]:
    return [distance(text(words(seed)), text(change(words(seed), seed))) for seed in SEEDS]


def shares(change: Change) -> list[float]:
    pairs = [(words(seed), change(words(seed), seed)) for seed in SEEDS]
    return [share(winnow(text(one)), winnow(text(other))) or 0 for one, other in pairs]


def changed(part: float) -> Change:
    return lambda words, seed: edited(words, part, seed)


def another(_words: Sequence[str], seed: int) -> Sequence[str]:
    return words(seed + 1000)


def test_one_word_in_a_hundred_or_paragraphs_in_another_order_are_near() -> None:
    assert max(distances(changed(0.01))) <= NEAR
    assert max(distances(shuffled)) <= NEAR


def test_one_word_in_twenty_or_the_first_half_alone_are_for_review_at_the_furthest() -> None:
    for change in (changed(0.05), lambda words, _seed: words[: len(words) // 2]):
        assert median(distances(change)) > NEAR
        assert max(distances(change)) <= REVIEW


def test_one_word_in_ten_is_found_by_shared_passages_where_codes_are_too_far_apart() -> None:
    assert max(distances(changed(0.1))) > REVIEW
    assert min(shares(changed(0.1))) > 0.4


def test_unrelated_texts_stay_unmatched() -> None:
    assert min(distances(another)) > REVIEW
    assert max(shares(another)) == 0


def test_a_tenth_within_another_text_is_its_share() -> None:
    def quoted(own: Sequence[str], seed: int) -> Sequence[str]:
        return [*words(seed + 1000), *own[:300]]

    assert min(distances(quoted)) > REVIEW
    assert min(shares(quoted)) > 0.1
    assert max(shares(quoted)) < 0.35


def test_passages_are_told_where_they_stand_in_both() -> None:
    shared = text(words(1, 100))
    before, after = text(words(2, 150)), text(words(3, 80))
    own, other = before + shared, after + shared + before[:40]
    [found, *_] = passages(winnow(own), winnow(other))
    blur = 2 * (GRAM + WINDOW)
    assert abs(found.begin - len(before)) <= blur
    assert abs(found.end - len(own)) <= blur
    assert abs(found.other_begin - len(after)) <= blur
    assert own[found.begin : found.begin + GRAM] == other[found.other_begin :][:GRAM]


def test_passages_in_another_order_are_told_one_by_one() -> None:
    parts = [text(words(seed, 120)) for seed in (4, 5, 6)]
    found = passages(winnow("".join(parts)), winnow("".join(reversed(parts))))
    assert len(found) == 3


def test_a_text_that_is_thinned_is_compared_by_what_both_could_have() -> None:
    whole = winnow(text(words(7, 6000)))
    found = share(winnow(text(words(7, 6000)[:2000])), whole.thinned(500))
    assert found is not None
    assert found > 0.8


@pytest.mark.parametrize(
    ("bits", "tier"),
    [(0, Tier.NEAR), (48, Tier.NEAR), (49, Tier.REVIEW), (88, Tier.REVIEW), (89, None)],
)
def test_thresholds_include_their_bounds(bits: int, tier: Tier | None) -> None:
    assert tier_of(bits) is tier


def test_codes_of_short_texts_are_not_compared() -> None:
    short, long = words(8, 30), words(8, 200)
    for each, reliable in ((short, False), (long, True)):
        compared = Compared(b"", Units(content=text_code(text(each))), winnow(text(each)))
        assert compared.has_reliable_text_code is reliable
        assert (compared.comparable is not None) is reliable
    assert Compared(b"").has_reliable_text_code is None
    assert winnow(text(short)).letters < FEWEST_LETTERS


@given(st.binary(max_size=3000))
def test_units_of_the_reference_are_read(data: bytes) -> None:
    instance = iscc_core.gen_instance_code_v0(io.BytesIO(data), bits=BITS)["iscc"]
    code = iscc_core.gen_data_code_v0(io.BytesIO(data), bits=BITS)["iscc"]
    words = iscc_core.gen_text_code_v0(data.hex(), bits=BITS)["iscc"]
    found = units({"instance": instance, "data": code, "content": words})
    assert found == Units(
        iscc_core.decode_base32(instance.removeprefix("ISCC:"))[2:],
        iscc_core.decode_base32(code.removeprefix("ISCC:"))[2:],
        text_code(data.hex()),
    )


def test_a_unit_of_another_kind_or_length_or_no_unit_is_refused() -> None:
    data = iscc_core.gen_data_code_v0(io.BytesIO(b"1"), bits=BITS)["iscc"]
    short = iscc_core.gen_data_code_v0(io.BytesIO(b"1"), bits=64)["iscc"]
    for wrong in ("ISCC:AAAA", "认识分数", ""):
        with pytest.raises(ValueError, match="no ISCC unit"):
            unit(wrong, MT.DATA)
    with pytest.raises(ValueError, match="256 bits"):
        unit(short, MT.DATA)
    with pytest.raises(ValueError, match="Instance-Code"):
        unit(data, MT.INSTANCE)
    with pytest.raises(ValueError, match="Content-Code"):
        content(data)


@given(st.binary(min_size=1, max_size=500))
def test_the_code_of_a_work_of_one_file_is_that_of_the_reference(data: bytes) -> None:
    told = {
        "instance": iscc_core.gen_instance_code_v0(io.BytesIO(data), bits=BITS)["iscc"],
        "data": iscc_core.gen_data_code_v0(io.BytesIO(data), bits=BITS)["iscc"],
        "content": iscc_core.gen_text_code_v0(data.hex(), bits=BITS)["iscc"],
    }
    expected = iscc_core.gen_iscc_code_v0([told["content"], told["data"], told["instance"]])
    field = composite([{"iscc": told}])
    assert field == {"iscc": expected["iscc"]}
    assert Leaf.parse(event([], **field)).iscc == expected["iscc"]


def test_a_work_of_several_files_or_without_units_has_no_code() -> None:
    assert composite([{"iscc": None}]) == {}
    assert composite([{"iscc": {"data": "a"}}, {}]) == {}


def test_a_registration_is_told_once_with_all_that_is_known_of_it() -> None:
    one, other = (Registered(uuid7(), code, uuid7(), 1) for code in ("Z-1", "Z-2"))
    found = strongest(
        [
            Match(one, "a", Tier.CONTAINMENT, share=0.5),
            Match(other, "b", Tier.NEAR, 20),
            Match(one, "a", Tier.REVIEW, 60),
            Match(one, "a", Tier.EXACT),
        ]
    )
    assert found == [Match(one, "a", Tier.EXACT, 60, 0.5), Match(other, "b", Tier.NEAR, 20)]
