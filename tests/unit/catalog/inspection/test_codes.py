"""ISCC units: the reference implementation of ISO 24138 says the same."""

import io
import zipfile
from pathlib import Path

import iscc_core  # type: ignore[import-untyped]
import iscc_lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from services.catalog.application.inspection_codes import Hashing, likeness
from services.catalog.application.inspection_ports import Examination, Made
from services.catalog.inspection.codes import BITS, EDGE, content_code, of_image, of_text
from services.catalog.inspection.inspector import inspect
from services.catalog.inspection.report import Report


def test_the_library_passes_the_conformance_vectors_of_the_standard() -> None:
    assert iscc_lib.conformance_selftest()


# The reference takes what is a letter from Python's Unicode tables, the library from newer ones.
ASSIGNED = st.characters(exclude_categories=("Cn", "Cs"))


@given(st.text(ASSIGNED, max_size=2000))
def test_text_codes_are_those_of_the_reference(text: str) -> None:
    expected = iscc_core.gen_text_code_v0(text, bits=BITS)
    assert of_text(text) == (expected["iscc"] if expected["characters"] else None)


@given(st.binary(min_size=EDGE * EDGE, max_size=EDGE * EDGE))
@settings(max_examples=25)
def test_image_codes_are_those_of_the_reference(pixels: bytes) -> None:
    image = Image.frombytes("L", (EDGE, EDGE), pixels)
    box = _box(image)
    if box != (0, 0, EDGE, EDGE):
        return
    assert of_image(image) == iscc_core.gen_image_code_v0(list(pixels), bits=BITS)["iscc"]


def _box(image: Image.Image) -> tuple[int, int, int, int] | None:
    """What is left without an even border."""
    even = image.getpixel((0, 0))
    return image.point(lambda value: value != even).getbbox()


@given(st.lists(st.binary(max_size=5000), max_size=8))
@settings(max_examples=50)
def test_codes_of_bytes_that_come_in_pieces_are_those_of_the_reference(pieces: list[bytes]) -> None:
    hashing = Hashing()
    for each in pieces:
        hashing.take(each)
    read, whole = hashing.read(), io.BytesIO(b"".join(pieces))
    assert read.size == len(whole.getvalue())
    assert read.data == iscc_core.gen_data_code_v0(whole, bits=BITS)["iscc"]
    whole.seek(0)
    assert read.instance == iscc_core.gen_instance_code_v0(whole, bits=BITS)["iscc"]


def drawn(scale: int = 1) -> Image.Image:
    image = Image.new("RGB", (200 * scale, 120 * scale), (240, 230, 200))
    draw = ImageDraw.Draw(image)
    draw.ellipse([20 * scale, 20 * scale, 90 * scale, 90 * scale], fill=(200, 30, 40))
    draw.rectangle([110 * scale, 30 * scale, 180 * scale, 100 * scale], fill=(20, 60, 160))
    draw.line([0, 0, 200 * scale, 120 * scale], fill=(0, 0, 0), width=5 * scale)
    return image


def distance(one: str, other: str) -> int:
    a, b = (int.from_bytes(iscc_lib.iscc_decode(each)[4]) for each in (one, other))
    return (a ^ b).bit_count()


def code(image: Image.Image) -> str:
    found = of_image(image)
    assert found is not None
    return found


def test_a_scaled_recoded_or_framed_picture_has_nearly_the_same_code() -> None:
    one = code(drawn())
    target = io.BytesIO()
    drawn(3).save(target, "JPEG", quality=60)
    framed = Image.new("RGB", (300, 220), (255, 255, 255))
    framed.paste(drawn(), (50, 50))
    assert distance(one, code(Image.open(target))) <= 48
    assert distance(one, code(framed)) <= 48
    assert distance(one, code(Image.linear_gradient("L").rotate(30))) > 88


def test_what_is_see_through_is_white() -> None:
    clear = Image.new("RGBA", (200, 120), (0, 0, 0, 0))
    ImageDraw.Draw(clear).ellipse([40, 20, 150, 100], fill=(200, 30, 40, 255))
    white = Image.new("RGB", (200, 120), (255, 255, 255))
    white.paste(clear, mask=clear)
    assert code(clear) == code(white)


def test_a_picture_of_one_colour_has_no_code() -> None:
    assert of_image(Image.new("RGB", (64, 64), (9, 9, 9))) is None


def inspected(tmp_path: Path, name: str, content: bytes, declared: str) -> Report:
    path = tmp_path / name
    path.write_bytes(content)
    report = Report(tmp_path)
    inspect(path, name, declared, report)
    return report


def test_inspection_finds_the_code_of_a_picture_as_it_is_shown(tmp_path: Path) -> None:
    turned = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    drawn().rotate(180).save(turned, "PNG", exif=exif)
    report = inspected(tmp_path, "图.png", turned.getvalue(), "image/png")
    assert report.content_code == code(drawn())


def test_inspection_finds_the_code_of_a_text_and_none_of_names_in_an_archive(
    tmp_path: Path,
) -> None:
    text = "分数表示把一个整体平均分成若干份。" * 20
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("课.txt", text)
    alone = inspected(tmp_path, "课.txt", text.encode(), "text/plain")
    assert alone.content_code == of_text(text)
    archived = inspected(tmp_path, "课.zip", packed.getvalue(), "application/zip")
    assert (archived.findings, archived.content_code) == ([], None)


def test_what_is_refused_has_no_code(tmp_path: Path) -> None:
    report = inspected(tmp_path, "课.pdf", "认识分数".encode() * 50, "application/pdf")
    assert report.findings
    assert report.content_code is None


def test_a_file_without_text_is_alike_by_its_bytes_alone(tmp_path: Path) -> None:
    hashing = Hashing()
    hashing.take(b"\0" * 1000)
    like = likeness(hashing.read(), Examination("video/mp4", []))
    assert (like.codes.iscc.content, like.codes.winnowed, like.fingerprint) == (None, None, None)
    assert like.codes.iscc.data.startswith("ISCC:")


def test_a_file_with_text_is_alike_by_prints_of_it(tmp_path: Path) -> None:
    text = tmp_path / "text-1"
    text.write_text("分数表示把一个整体平均分成若干份后取其中的一份。" * 3, encoding="utf-8")
    made = Made("text", 1, "text/plain; charset=utf-8", None, None, text)
    hashing = Hashing()
    hashing.take(b"bytes")
    like = likeness(hashing.read(), Examination("text/plain", [], made=[made]))
    assert like.codes.winnowed is not None
    assert like.codes.winnowed.prints


def test_what_is_no_content_code_is_not_taken_for_one() -> None:
    text = str(of_text("认识分数"))
    assert content_code(text) == text
    data = iscc_lib.gen_data_code_v0(b"1", bits=BITS).iscc
    short = iscc_lib.gen_text_code_v0("认识分数", bits=64).iscc
    for wrong in (data, short, "ISCC:AAAAAAAAAA", "ISCC:", "认识分数"):
        with pytest.raises(ValueError, match=r".+"):
            content_code(wrong)
