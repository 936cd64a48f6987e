"""Films and sounds that end before they should, and a font that is a script."""

from pathlib import Path

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, String

from services.catalog.inspection.inspector import inspect
from services.catalog.inspection.report import Report
from tests.hostile.media import mp3, mp4
from tests.hostile.pdfs import pdf


def codes(tmp_path: Path, filename: str, content: bytes) -> set[str]:
    report = Report(tmp_path)
    path = tmp_path / "file"
    path.write_bytes(content)
    inspect(path, filename, "", report)
    return {each["code"] for each in report.findings}


def index_first(content: bytes) -> tuple[bytes, bytes]:
    """The film with its index before its data: what stands before the data, and the data."""
    boxes: dict[bytes, bytes] = {}
    at = 0
    while at < len(content):
        length = int.from_bytes(content[at : at + 4])
        boxes[content[at + 4 : at + 8]] = content[at : at + length]
        at += length
    data, index = boxes[b"mdat"], boxes[b"moov"]
    moved = len(boxes[b"ftyp"]) + len(index) + 8 - (content.index(b"mdat") + 4)
    position = 0
    while (position := index.find(b"stco", position)) >= 0:
        count = int.from_bytes(index[position + 8 : position + 12])
        entries = b"".join(
            (int.from_bytes(index[each : each + 4]) + moved).to_bytes(4)
            for each in range(position + 12, position + 12 + 4 * count, 4)
        )
        index = index[: position + 12] + entries + index[position + 12 + len(entries) :]
        position += 4
    return boxes[b"ftyp"] + index, data[8:]


def boxed(data: bytes, *, open_end: bool = False) -> bytes:
    return (0 if open_end else 8 + len(data)).to_bytes(4) + b"mdat" + data


def test_a_film_with_its_index_first_is_clean(tmp_path: Path) -> None:
    head, data = index_first(mp4())
    assert codes(tmp_path, "a.mp4", head + boxed(data)) == set()
    assert codes(tmp_path, "a.mp4", head + boxed(data, open_end=True)) == set()


@pytest.mark.parametrize("open_end", [False, True])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.98])
def test_a_film_whose_last_pictures_are_missing_is_damaged(
    tmp_path: Path, share: float, open_end: bool
) -> None:
    head, data = index_first(mp4())
    cut = head + boxed(data[: int(share * len(data))], open_end=open_end)
    assert codes(tmp_path, "a.mp4", cut) == {"damaged"}


@pytest.mark.parametrize("missing", [0.2, 0.5, 0.8])
def test_a_film_of_which_only_the_beginning_was_written_is_damaged(
    tmp_path: Path, missing: float
) -> None:
    head, data = index_first(mp4())
    rest = bytes(int(missing * len(data)))
    assert codes(tmp_path, "a.mp4", head + boxed(data[: -len(rest)] + rest)) == {"damaged"}


def test_a_song_that_promises_more_than_it_has_is_damaged(tmp_path: Path) -> None:
    song = mp3()
    assert b"Info" in song[:300] or b"Xing" in song[:300]
    assert codes(tmp_path, "a.mp3", song) == set()
    assert codes(tmp_path, "a.mp3", song[: len(song) // 2]) == {"damaged"}


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        (Array([1, 2, 3, 4, 5, String("1); alert(1)//")]), {"script"}),
        (Array([1, 0, 0, 1]), {"script"}),
        (String("1 0 0 1 0 0"), {"script"}),
        (Array([0.001, 0, 0, 0.001, 0, 0]), set()),
    ],
)
def test_the_matrix_of_a_font_is_six_numbers(
    tmp_path: Path, matrix: pikepdf.Object, expected: set[str]
) -> None:
    made = tmp_path / "made.pdf"
    source = tmp_path / "source.pdf"
    source.write_bytes(pdf(1))
    with pikepdf.open(source) as document:
        font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Symbol)
        font.FontMatrix = matrix
        document.pages[0].Resources.Font["/F9"] = document.make_indirect(font)
        document.save(made)
    assert codes(tmp_path, "a.pdf", made.read_bytes()) == expected
