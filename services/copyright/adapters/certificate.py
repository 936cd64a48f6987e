"""The certificate, set by typst, with its QR code (ISO/IEC 18004) by segno."""

import io
import json
from importlib.resources import files

import segno

from services.copyright.application.evidence_ports import CertificateFacts
from shared.civil import civil_date, civil_time
from shared.typesetting import Typesetter

_TEMPLATE = "certificate.typ"


class TypstPrinter:
    """`services.copyright.application.evidence_ports.CertificatePrinter`."""

    def __init__(self) -> None:
        self._typesetter = Typesetter()

    async def print(self, facts: CertificateFacts) -> bytes:
        code = io.BytesIO()
        segno.make_qr(facts.address, error="m").save(code, kind="svg", border=2, xmldecl=True)
        told = {name: getattr(facts, name) for name in facts.__dataclass_fields__}
        told["claimed_at"] = f"{civil_time(facts.claimed_at)} 北京时间 UTC+8"
        day = civil_date(facts.claimed_at)
        told["day"] = [day.year, day.month, day.day]
        given = {"facts": json.dumps(told, ensure_ascii=False), "code": code.getvalue().decode()}
        template = files("services.copyright.adapters").joinpath(_TEMPLATE).read_bytes()
        return await self._typesetter.pdf(template, given)
