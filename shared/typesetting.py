"""PDF by typst, in the font beside this file and those within typst: equal bytes on every computer,
and Chinese on one without Chinese fonts."""

import asyncio
import struct
from collections.abc import Mapping
from functools import cache
from pathlib import Path

_FONTS = Path(__file__).parent / "fonts"
_CHINESE = _FONTS / "NotoSerifCJKsc-subset.otf"
_EUROPEAN = [range(0x20), range(0xA0, 0x180), range(0x391, 0x3CA), range(0x410, 0x450)]
"""Letters that the fonts within typst have, and what is no letter."""


class Typesetter:
    """Sets one document at a time: each takes a core for a fifth of a second."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def pdf(self, template: bytes, inputs: Mapping[str, str]) -> bytes:
        """PDF/A-2b (ISO 19005-2). A character of the `inputs` that no font has stands there by its
        number in Unicode, such as 〔U+25E8A〕."""
        async with self._turn:
            return await asyncio.to_thread(_set, template, dict(inputs))


def _set(template: bytes, inputs: dict[str, str]) -> bytes:
    import typst  # 80 MB, and most processes print nothing

    fonts = typst.Fonts(include_system_fonts=False, font_paths=[_FONTS])

    def compiled(given: dict[str, str]) -> bytes:
        return typst.compile(
            template, format="pdf", pdf_standards="a-2b", sys_inputs=given, font_paths=fonts
        )

    # PDF/A forbids characters without a glyph, so typst refuses them, whatever its fonts have.
    try:
        return compiled(inputs)
    except typst.TypstError:
        known = _in_font().union(*_EUROPEAN)
    try:
        return compiled(_by_number(inputs, known))
    except typst.TypstError:
        return compiled(_by_number(inputs, _in_font().union(_EUROPEAN[0])))


def _by_number(inputs: Mapping[str, str], known: frozenset[int]) -> dict[str, str]:
    """The inputs, with the numbers of characters in the place of those that are not `known`."""
    return {
        name: "".join(c if ord(c) in known else f"〔U+{ord(c):04X}〕" for c in text)
        for name, text in inputs.items()
    }


@cache
def _in_font() -> frozenset[int]:
    """The characters of the font beside this file: its cmap table of format 12 (ISO/IEC 14496-22
    §5.2.1.3.8)."""
    data = _CHINESE.read_bytes()
    (tables,) = struct.unpack_from(">H", data, 4)
    records = (struct.unpack_from(">4sLLL", data, 12 + 16 * n) for n in range(tables))
    cmap = next(offset for tag, _, offset, _ in records if tag == b"cmap")
    (count,) = struct.unpack_from(">H", data, cmap + 2)
    places = (cmap + struct.unpack_from(">HHL", data, cmap + 4 + 8 * n)[2] for n in range(count))
    table = next(at for at in places if struct.unpack_from(">H", data, at) == (12,))
    (groups,) = struct.unpack_from(">L", data, table + 12)
    spans = (struct.unpack_from(">LLL", data, table + 16 + 12 * n) for n in range(groups))
    return frozenset(char for first, last, _ in spans for char in range(first, last + 1))
