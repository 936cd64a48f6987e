import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.codes import ALPHABET, InvalidCode, _check_character, new_code, parse_code

codes = (
    st.text(ALPHABET, min_size=8, max_size=8)
    .map(lambda body: "R" + body + (_check_character("R" + body) or ""))
    .filter(lambda bare: len(bare) == 10)
    .map(lambda bare: f"{bare[0]}-{bare[1:5]}-{bare[5:9]}-{bare[9]}")
)


def reason_for(text: str, prefix: str = "R") -> str:
    with pytest.raises(InvalidCode) as caught:
        parse_code(text, prefix)
    return caught.value.reason


@pytest.mark.parametrize(("body", "check"), [("G123489654321", "Y"), ("G123498654321", "H")])
def test_published_examples_of_mod_37_2_have_their_check_character(body: str, check: str) -> None:
    assert _check_character(body) == check


@given(codes)
def test_a_canonical_code_reads_back_as_itself(code: str) -> None:
    assert parse_code(code, "R") == code


def test_a_code_is_grouped_for_reading_aloud() -> None:
    assert [len(group) for group in new_code("P").split("-")] == [1, 4, 4, 1]


def test_a_new_code_is_one_that_is_read() -> None:
    made = {new_code("R") for _ in range(1_000)}
    assert len(made) == 1_000
    assert all(parse_code(code, "R") == code for code in made)


def test_a_code_never_holds_a_letter_that_looks_like_another() -> None:
    assert not set("ILOU") & {symbol for _ in range(2_000) for symbol in new_code("R")}


@given(codes)
@settings(max_examples=50)
def test_every_substituted_symbol_is_caught(code: str) -> None:
    bare = code.replace("-", "")
    for place, symbol in enumerate(bare):
        for other in ALPHABET.replace(symbol, ""):
            wrong = bare[:place] + other + bare[place + 1 :]
            assert reason_for(wrong) == ("check" if place else "prefix")


@given(codes)
def test_every_exchange_of_two_neighbours_is_caught(code: str) -> None:
    bare = code.replace("-", "")
    for place in range(len(bare) - 1):
        left, right = bare[place], bare[place + 1]
        if left != right:
            wrong = bare[:place] + right + left + bare[place + 2 :]
            assert reason_for(wrong) == ("check" if place else "prefix")


@pytest.mark.parametrize(
    "typed",
    [
        "R-0101-7K3M-8",
        "r-0101-7k3m-8",
        "R01017K3M8",
        " R 0101 7K3M 8\n",
        "R-OIOL-7K3M-8",
        "r-oiol-7k3m-8",
        "Ｒ－０１０１－７Ｋ３Ｍ－８",
        "R—0101—7K3M—8",
        "R–0101−7K3M‐8",
        "R\u30000101\u00a07K3M\u30008",
    ],
)
def test_a_code_is_read_however_it_was_typed(typed: str) -> None:
    assert parse_code(typed, "R") == "R-0101-7K3M-8"


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "length"),
        ("R-0101-7K3M", "length"),
        ("R-0101-7K3M-8-8", "length"),
        ("R-0101-7K3U-8", "symbol"),
        ("R-0101-7K3*-8", "symbol"),
        ("R-0101-7K3号-8", "symbol"),
        ("R-0101-7K3ı-8", "symbol"),
        ("P-0101-7K3M-8", "prefix"),
        ("R-0101-7K3M-4", "check"),
    ],
)
def test_what_is_wrong_with_a_code_is_said(typed: str, reason: str) -> None:
    assert reason_for(typed) == reason


def test_a_code_of_one_kind_is_not_taken_for_another() -> None:
    assert reason_for(new_code("P"), "R") == "prefix"


@pytest.mark.parametrize("prefix", ["", "7", "O", "r", "RP", "书"])
def test_a_prefix_is_one_letter_of_the_alphabet(prefix: str) -> None:
    with pytest.raises(ValueError, match="no kind's letter"):
        new_code(prefix)
