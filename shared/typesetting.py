"""PDF by typst, in the font beside this file and those within typst: equal bytes on every computer,
and Chinese on one without Chinese fonts."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

_FONTS = Path(__file__).parent / "fonts"


class Typesetter:
    """Sets one document at a time: each takes a core for a fifth of a second."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def pdf(self, template: bytes, inputs: Mapping[str, str]) -> bytes:
        """PDF/A-2b (ISO 19005-2). That forbids characters that no font has: with one among the
        `inputs` it is a plain PDF, with a blank box in its place."""
        async with self._turn:
            return await asyncio.to_thread(_set, template, dict(inputs))


def _set(template: bytes, inputs: dict[str, str]) -> bytes:
    import typst  # 80 MB, and most processes print nothing

    fonts = typst.Fonts(include_system_fonts=False, font_paths=[_FONTS])
    try:
        return typst.compile(
            template, format="pdf", pdf_standards="a-2b", sys_inputs=inputs, font_paths=fonts
        )
    except typst.TypstError:
        return typst.compile(template, format="pdf", sys_inputs=inputs, font_paths=fonts)
