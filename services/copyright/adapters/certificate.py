"""The certificate as PDF/A-2b, set by typst, with its QR code (ISO/IEC 18004) by segno.

It is set in the font beside this file and those within typst, whatever the computer has: equal
bytes on every computer, and Chinese on one without Chinese fonts.
"""

import asyncio
import io
import json
from importlib.resources import files
from pathlib import Path

import segno

from services.copyright.application.evidence_ports import CertificateFacts

_TEMPLATE = "certificate.typ"
_FONTS = Path(__file__).parent / "fonts"


class TypstPrinter:
    """`services.copyright.application.evidence_ports.CertificatePrinter`."""

    def __init__(self) -> None:
        # One at a time: setting takes a core for a fifth of a second.
        self._turn = asyncio.Lock()

    async def print(self, facts: CertificateFacts) -> bytes:
        async with self._turn:
            return await asyncio.to_thread(_printed, facts)


def _printed(facts: CertificateFacts) -> bytes:
    import typst  # 80 MB, and most processes print nothing

    code = io.BytesIO()
    segno.make_qr(facts.address, error="m").save(code, kind="svg", border=2, xmldecl=True)
    told = {name: getattr(facts, name) for name in facts.__dataclass_fields__}
    told["claimed_at"] = f"{facts.claimed_at:%Y-%m-%d %H:%M:%S} UTC"
    day = facts.claimed_at
    told["day"] = [day.year, day.month, day.day]
    given = {"facts": json.dumps(told, ensure_ascii=False), "code": code.getvalue().decode()}
    template = files("services.copyright.adapters").joinpath(_TEMPLATE).read_bytes()
    fonts = typst.Fonts(include_system_fonts=False, font_paths=[_FONTS])
    return typst.compile(
        template, format="pdf", pdf_standards="a-2b", sys_inputs=given, font_paths=fonts
    )
