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
    standing="有效 in force",
    witnesses="2",
    stamps=["local 2026-11-22 16:00 北京时间"],
    address="https://platform.example/copyright/v/Z-7K3M-9QXB-7",
)


def text_of(pdf: bytes) -> str:
    page = pypdfium2.PdfDocument(pdf)[0]
    return str(page.get_textpage().get_text_range())


@pytest.mark.parametrize(
    "name", ["王喆", "李堃玥", "欧阳㑇", "龙𬭎", "𠮷野家", "龘頔"], ids=range(6)
)
async def test_rare_names_are_legible(name: str) -> None:
    facts = replace(FACTS, names=[("作者 Authors", name)])
    shown = text_of(await TypstPrinter().print(facts))
    assert name in shown
    assert "版权存证证书" in shown.replace(" ", "")
    assert "认识分数" in shown
    assert "第一课.pdf" in shown


@pytest.mark.parametrize("name", ["\U00025e8a野家", "龘㐀"])
async def test_a_name_that_no_font_has_is_never_blank_and_the_file_stays_archival(
    name: str,
) -> None:
    made = await TypstPrinter().print(replace(FACTS, title=name, names=[("作者 Authors", name)]))
    numbers = [f"U+{ord(each):04X}" for each in name if each not in "野家龘"]
    assert all(text_of(made).count(number) >= 2 for number in numbers)
    assert b"pdfaid" in made


async def test_its_times_are_those_of_china() -> None:
    late = replace(FACTS, claimed_at=datetime(2026, 11, 22, 16, 30, tzinfo=UTC))
    assert "2026-11-23 00:30 北京时间" in text_of(await TypstPrinter().print(late))


async def test_equal_facts_make_equal_bytes() -> None:
    assert await TypstPrinter().print(FACTS) == await TypstPrinter().print(FACTS)
