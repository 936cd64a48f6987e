from shared.typesetting import Typesetter

TEMPLATE = b"""
#set document(title: "t", author: "a", date: datetime(year: 2026, month: 1, day: 1))
#set text(font: "Noto Serif CJK SC")
#sys.inputs.words
"""


async def test_the_same_words_are_the_same_bytes_and_archival() -> None:
    first, second = [await Typesetter().pdf(TEMPLATE, {"words": "版权存证"}) for _ in range(2)]
    assert first == second
    assert b"pdfaid" in first


async def test_a_character_that_no_font_has_leaves_a_box_in_a_plain_pdf() -> None:
    made = await Typesetter().pdf(TEMPLATE, {"words": "\U00025e8a"})
    assert made.startswith(b"%PDF")
    assert b"pdfaid" not in made
