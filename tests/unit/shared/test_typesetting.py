import pypdfium2

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


async def test_a_character_that_no_font_has_is_printed_by_its_number() -> None:
    made = await Typesetter().pdf(TEMPLATE, {"words": "张\U00025e8a é Ж \U0001f600"})
    shown = pypdfium2.PdfDocument(made)[0].get_textpage().get_text_range()
    assert shown.strip() == "张〔U+25E8A〕 é Ж 〔U+1F600〕"
    assert b"pdfaid" in made
