"""The certificate shows Chinese wherever it is printed."""

from dataclasses import replace
from datetime import UTC, datetime

import pypdfium2
import pytest

from services.copyright.adapters.certificate import TypstPrinter
from services.copyright.application.evidence_ports import CertificateFacts

FACTS = CertificateFacts(
    code="Z-7K3M-9QXB-7",
    title="认识分数",
    registration_id="0191d0a0-0000-7000-8000-0000000000aa",
    claimed_at=datetime(2026, 11, 22, 8, tzinfo=UTC),
    index=4,
    size=9,
    origin="log.example/test",
    root="ab" * 32,
    digests=[("SHA-256 第一课.pdf", "cd" * 32)],
    names=[("作者 Authors", "张三")],
    witnesses=2,
    stamps=["local"],
    address="https://platform.example/copyright/v/Z-7K3M-9QXB-7",
)


def text_of(pdf: bytes) -> str:
    page = pypdfium2.PdfDocument(pdf)[0]
    return str(page.get_textpage().get_text_range())


@pytest.mark.parametrize("name", ["王喆", "李堃玥", "欧阳㑇", "龙𬭎"], ids=range(4))
async def test_names_with_characters_of_the_national_list_are_legible(name: str) -> None:
    facts = replace(FACTS, names=[("作者 Authors", name)])
    shown = text_of(await TypstPrinter().print(facts))
    assert name in shown
    assert "版权存证证书" in shown.replace(" ", "")
    assert "认识分数" in shown
    assert "第一课.pdf" in shown


async def test_equal_facts_make_equal_bytes() -> None:
    assert await TypstPrinter().print(FACTS) == await TypstPrinter().print(FACTS)
