"""Words that no page shows: properties, names of sheets, what formulas quote, whom links call."""

import io
from pathlib import Path
from typing import Any

import openpyxl
import pikepdf
import pytest
from PIL import Image
from pptx import Presentation
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from services.catalog.inspection.inspector import inspect
from services.catalog.inspection.report import MOST_SAID_CHARACTERS, Report
from tests.hostile import archives, images, office, pdfs


@pytest.fixture
def made(tmp_path: Path) -> Report:
    return Report(tmp_path)


def said(report: Report, filename: str, content: bytes) -> dict[str, str]:
    path = report.work / "file"
    path.write_bytes(content)
    inspect(path, filename, "", report)
    assert report.findings == []
    told: dict[str, str] = report.facts.get("said", {})
    return told


def text_of(report: Report) -> str:
    return (report.work / "text-1").read_text()


def saved(document: Any) -> bytes:
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def test_the_properties_of_an_office_document_are_told_by_their_part(made: Report) -> None:
    deck = Presentation(io.BytesIO(office.pptx()))
    deck.core_properties.author = "王老师 13812345678"
    content = office.remade(
        saved(deck),
        add={
            "docProps/custom.xml": b"<Properties><property><lpwstr>13800000001</lpwstr></property>"
            b"</Properties>",
            "customXml/item1.xml": b'<data phone="13800000002"><tel>13800000003</tel></data>',
        },
    )
    told = said(made, "a.pptx", content)
    assert told["docProps/core.xml creator"] == "王老师 13812345678"
    assert told["docProps/custom.xml lpwstr"] == "13800000001"
    assert told["customXml/item1.xml phone"] == "13800000002"
    assert told["customXml/item1.xml tel"] == "13800000003"
    assert not any("Application" in place for place in told)


def test_names_of_sheets_and_what_formulas_quote_are_told(made: Report) -> None:
    book = openpyxl.Workbook()
    book.create_sheet("电话13812345678")["A1"] = '=CONCATENATE("13900000000","")'
    assert "电话13812345678" in said(made, "a.xlsx", saved(book))["sheet names"]
    assert text_of(made).split("\f")[1] == "13900000000"


def test_whom_a_link_calls_is_told_with_its_slide(made: Report) -> None:
    deck = Presentation(io.BytesIO(office.pptx()))
    title: Any = deck.slides[1].shapes.title
    run = title.text_frame.paragraphs[0].add_run()
    run.text, run.hyperlink.address = "拨打", "tel:138%201234%205678"
    said(made, "a.pptx", saved(deck))
    assert text_of(made).split("\f")[1].splitlines()[-1] == "138 1234 5678"


def test_the_outline_and_the_information_of_a_pdf_are_told(made: Report) -> None:
    def change(document: pikepdf.Pdf) -> None:
        document.docinfo["/Author"] = "王老师 13812345678"
        with document.open_metadata(update_docinfo=False) as metadata:
            metadata["dc:title"] = "十三班 13600000000"
        with document.open_outline() as outline:
            child = pikepdf.OutlineItem("联系 13900000000", 0)
            outline.root[0].children.append(child)
        box = pikepdf.Array([0, 0, 9, 9])
        call = pikepdf.Dictionary(S=pikepdf.Name.URI, URI=pikepdf.String("tel:13700000000"))
        link = pikepdf.Dictionary(Subtype=pikepdf.Name.Link, Rect=box, A=call)
        document.pages[1].obj.Annots = pikepdf.Array([link])

    told = said(made, "a.pdf", pdfs.changed(change))
    assert told["Author"] == "王老师 13812345678"
    assert told["outline"].splitlines() == ["第1页", "联系 13900000000", "第2页"]
    assert "Producer" not in told
    assert "十三班 13600000000" in told["XMP"].splitlines()
    assert text_of(made).split("\f")[1].splitlines()[-1] == "13700000000"


def test_the_description_and_the_artist_of_a_photograph_are_told(made: Report) -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x013B] = "家长 13812345678".encode(), "王老师".encode()
    exif[0x9C9D] = "王".encode("utf-16-le")
    target = io.BytesIO()
    Image.new("RGB", (9, 9)).save(target, "JPEG", exif=exif, comment=b"13900000000")
    told = said(made, "a.jpg", target.getvalue())
    assert told == {
        "Exif description": "家长 13812345678",
        "Exif artist": "王老师",
        "Exif author": "王",
        "comment": "13900000000",
    }


def test_what_is_said_inside_an_archive_is_told_by_its_entry(made: Report) -> None:
    deck = Presentation(io.BytesIO(office.pptx()))
    deck.core_properties.author = "王老师"
    told = said(made, "a.zip", archives.zipped({"课/a.pptx": saved(deck)}))
    assert told["课/a.pptx/docProps/core.xml creator"] == "王老师"


def test_no_more_is_kept_of_it_than_there_is_room_for(made: Report) -> None:
    made.say("a", "字" * (MOST_SAID_CHARACTERS - 1))
    made.say("b", "二三")
    made.say("c", "四")
    assert made.said["b"] == "二"
    assert "c" not in made.said
    assert made.facts["text_cut"] is True


def test_a_page_is_scanned_where_a_picture_covers_it_and_no_words_do(made: Report) -> None:
    target = io.BytesIO()
    canvas = Canvas(target)
    picture = ImageReader(io.BytesIO(images.picture("PNG")))
    for words in ("12", "Two of three pupils"):
        canvas.drawImage(picture, 0, 0, 590, 840)
        canvas.drawString(72, 72, words)
        canvas.showPage()
    canvas.drawString(72, 72, "3")
    canvas.save()
    said(made, "a.pdf", target.getvalue())
    assert made.facts["scanned"] == 1
