"""Content-Codes (ISO 24138, clauses on Text-Code and Image-Code): alike for what is alike.

Video- and Audio-Codes need MPEG-7 signatures and Chromaprint features, which the FFmpeg that comes
with PyAV has not: such files have no Content-Code.
"""

from typing import Any, Final

BITS: Final = 256
EDGE: Final = 32


def of_text(text: str) -> str | None:
    """The Text-Code; None of a text without letters."""
    from iscc_lib import gen_text_code_v0

    code = gen_text_code_v0(text, bits=BITS)
    return code.iscc if code.characters else None


def content_code(text: str) -> str:
    """`text`, which is a Content-Code of `BITS` bits. Raises ValueError."""
    from iscc_lib import MT, iscc_decode

    main, _, version, _, digest = iscc_decode(text)
    if main is not MT.CONTENT or version or len(digest) * 8 != BITS:
        raise ValueError("not a Content-Code")
    return text


def of_image(image: Any) -> str | None:
    """The Image-Code of an upright picture; None where it is all of one colour.

    As ISO 24138 prepares it: on white, without an even border, grey, `EDGE` by `EDGE`.
    """
    from iscc_lib import gen_image_code_v0
    from PIL import Image, ImageChops

    shown = image.convert("RGBA")
    white = Image.new("RGBA", shown.size, (255, 255, 255))
    flat = Image.alpha_composite(white, shown).convert("RGB")
    even = Image.new("RGB", flat.size, flat.getpixel((0, 0)))
    box = ImageChops.difference(flat, even).getbbox()
    if box is None:
        return None
    pixels = flat.crop(box).convert("L").resize((EDGE, EDGE), Image.Resampling.BICUBIC)
    return gen_image_code_v0(pixels.tobytes(), bits=BITS).iscc
