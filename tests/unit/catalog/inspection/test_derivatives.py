"""What is made of clean files."""

import io
from pathlib import Path

import pytest
from PIL import Image

from services.catalog.inspection import texts
from services.catalog.inspection.inspector import inspect
from services.catalog.inspection.pdf import LONGEST_EDGE, PAGE_IMAGES
from services.catalog.inspection.report import Report
from tests.hostile import archives, images, media, office, pdfs


@pytest.fixture
def made(tmp_path: Path) -> Report:
    return Report(tmp_path)


def look(report: Report, filename: str, content: bytes) -> Report:
    path = report.work / "file"
    path.write_bytes(content)
    inspect(path, filename, "", report)
    assert report.findings == []
    return report


def text_of(report: Report) -> str:
    return (report.work / "text-1").read_text()


def image_of(report: Report, name: str) -> Image.Image:
    return Image.open(io.BytesIO((report.work / name).read_bytes()))


def test_a_pdf_gives_its_pages_a_thumbnail_and_its_text_by_page(made: Report) -> None:
    look(made, "讲义.pdf", pdfs.pdf(3))

    assert made.facts["pages"] == 3
    assert [each.number for each in made.derivatives if each.kind == "page"] == [1, 2, 3]
    assert max(image_of(made, "page-2").size) == LONGEST_EDGE
    assert max(image_of(made, "thumbnail-1").size) == 320
    third = made.facts["text_parts"]["offsets"][2][1]
    assert text_of(made)[third:].startswith("第3页 第1行")


def test_of_a_long_pdf_the_first_pages_become_images_and_all_become_text(made: Report) -> None:
    look(made, "a.pdf", pdfs.pdf(PAGE_IMAGES + 2))

    assert sum(each.kind == "page" for each in made.derivatives) == PAGE_IMAGES
    assert made.facts["page_images"] == PAGE_IMAGES
    assert f"第{PAGE_IMAGES + 2}页" in text_of(made)


def test_a_presentation_gives_its_text_by_slide(made: Report) -> None:
    look(made, "a.pptx", office.pptx())

    assert made.facts["slides"] == 3
    assert text_of(made).split("\f")[1] == "第2节 二次函数\n图象与性质"


def test_a_document_gives_its_text(made: Report) -> None:
    look(made, "a.docx", office.word())

    assert text_of(made).splitlines()[:2] == ["《背影》教学设计", "一、教学目标"]


def test_a_workbook_gives_its_values_by_sheet(made: Report) -> None:
    look(made, "a.xlsx", office.excel())

    assert made.facts["sheets"] == 2
    first, second = text_of(made).split("\f")
    assert first.splitlines()[1] == "甲\t90"
    assert second == "数据来自期中测验"


def test_an_opendocument_text_gives_its_text(made: Report) -> None:
    assert text_of(look(made, "a.odt", office.odt())) == "岳阳楼记"


def test_an_opendocument_presentation_gives_its_text_by_slide(made: Report) -> None:
    look(made, "a.odp", office.odp())

    assert made.facts["slides"] == 2
    assert text_of(made).split("\f") == ["光的折射 1", "光的折射 2"]


def test_a_photographs_preview_is_upright_and_says_nothing_of_its_place(made: Report) -> None:
    look(made, "a.jpg", images.located())

    assert made.facts["gps"] is True
    preview = image_of(made, "preview-1")
    assert preview.size == (200, 300)
    assert not preview.getexif()


def test_a_transparent_picture_stays_transparent(made: Report) -> None:
    look(made, "a.png", images.transparent())

    assert image_of(made, "preview-1").mode == "RGBA"


def test_a_film_gives_a_poster_and_its_duration(made: Report) -> None:
    look(made, "a.mp4", media.mp4())

    assert made.facts["seconds"] == pytest.approx(1, abs=0.1)
    assert made.facts["codecs"] == ["h264", "aac"]
    assert image_of(made, "poster-1").size == (160, 120)


def test_a_film_stands_upright_as_players_show_it(made: Report) -> None:
    look(made, "a.mp4", media.portrait())

    poster = image_of(made, "poster-1").convert("L")
    assert poster.size == (made.facts["width"], made.facts["height"]) == (120, 160)
    above, below = poster.crop((55, 10, 85, 40)), poster.crop((55, 120, 85, 150))
    assert min(above.tobytes()) > max(below.tobytes())


def test_a_page_shows_what_its_fields_are_filled_with(made: Report) -> None:
    look(made, "作业.pdf", pdfs.worksheet())

    assert min(image_of(made, "page-1").convert("L").tobytes()) < 100


def test_what_programs_left_in_an_archive_is_told(made: Report) -> None:
    look(made, "a.zip", archives.zipped({"a.txt": b"a", "Thumbs.db": archives.OLE}))

    assert (made.facts["entries"], made.facts["leftovers"]) == (2, 1)


def test_a_song_gives_its_duration(made: Report) -> None:
    assert look(made, "a.mp3", media.mp3()).facts["seconds"] == pytest.approx(3, abs=0.1)


def test_a_recording_gives_its_duration(made: Report) -> None:
    assert look(made, "a.wav", media.wav()).facts["seconds"] == pytest.approx(1)


def test_a_zip_gives_the_names_of_its_entries_and_their_texts(made: Report) -> None:
    look(made, "a.zip", archives.lesson())

    assert made.facts["entries"] == 2
    assert text_of(made).split("\f") == [
        "第一课/说明.txt\n第一课/教案.md",
        "第一课/说明.txt#1\n请先预习",
        "第一课/教案.md#1\n# 教案\n",
    ]


def test_text_in_gb18030_is_kept_as_utf_8(made: Report) -> None:
    look(made, "a.txt", "静夜思".encode("gb18030"))

    assert made.facts["encoding"] == "gb18030"
    assert text_of(made) == "静夜思"


def test_no_more_text_is_kept_than_may_be(made: Report) -> None:
    look(made, "a.txt", ("书" * 1_000_000).encode())

    assert made.facts["text_cut"] is True
    assert (made.work / "text-1").stat().st_size <= texts.MOST_EXTRACTED_BYTES


def test_a_document_without_a_word_has_no_text(made: Report) -> None:
    assert look(made, "a.txt", b" \n").derivatives == []
