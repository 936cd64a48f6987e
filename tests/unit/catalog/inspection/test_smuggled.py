"""Scripts and archives in places where a picture or a sound keeps words, and names that deceive."""

import struct
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from services.catalog.inspection.inspector import inspect
from services.catalog.inspection.report import Report
from tests.hostile.archives import zipped
from tests.hostile.media import wav
from tests.hostile.office import in_excel


def codes(tmp_path: Path, filename: str, content: bytes) -> set[str]:
    report = Report(tmp_path)
    path = tmp_path / "file"
    path.write_bytes(content)
    inspect(path, filename, "", report)
    return {each["code"] for each in report.findings}


def jpeg(comment: bytes) -> bytes:
    target = BytesIO()
    Image.linear_gradient("L").save(target, "JPEG", comment=comment)
    return target.getvalue()


def gif(comment: bytes) -> bytes:
    target = BytesIO()
    Image.linear_gradient("L").save(target, "GIF", comment=comment)
    return target.getvalue()


def png(words: bytes) -> bytes:
    target, told = BytesIO(), PngImagePlugin.PngInfo()
    told.add_text("Comment", words.decode("latin-1"))
    Image.linear_gradient("L").save(target, "PNG", pnginfo=told)
    return target.getvalue()


def recording(words: bytes) -> bytes:
    whole = wav()
    words += b"\0" * (len(words) % 2)
    chunk = b"LIST" + struct.pack("<I", 4 + len(words)) + b"INFO" + words
    return whole[:4] + struct.pack("<I", len(whole) - 8 + len(chunk)) + whole[8:] + chunk


_RAR = b"hello Rar!\x1a\x07\x01\x00" + b"x" * 40
_SEVEN = b"hello 7z\xbc\xaf\x27\x1c\x00\x04" + b"x" * 40


@pytest.mark.parametrize(
    "words",
    [b"<?=`$_GET[0]`?>", b"<?= system($_GET[0]) ?>", b"<img src=x onerror=alert(1)>", _RAR, _SEVEN],
)
@pytest.mark.parametrize(
    ("filename", "make"),
    [("a.jpg", jpeg), ("a.gif", gif), ("a.png", png), ("a.wav", recording)],
)
def test_scripts_and_archives_among_the_words_of_a_file_are_found(
    tmp_path: Path, filename: str, make: object, words: bytes
) -> None:
    assert callable(make)
    assert "polyglot" in codes(tmp_path, filename, make(words))


@pytest.mark.parametrize(
    ("filename", "make"),
    [("a.jpg", jpeg), ("a.gif", gif), ("a.png", png)],
)
def test_ordinary_words_are_no_script(tmp_path: Path, filename: str, make: object) -> None:
    assert callable(make)
    words = b"<Canon> a <= b ?> 7zip, WinRAR <?xml?> <img> on = off"
    assert codes(tmp_path, filename, make(words)) == set()


@pytest.mark.parametrize(
    "name", ["COM\u00b9.txt", "lpt\u00b3.txt", "CONIN$.txt", "a\u200etxt.txt", "a\u061c.txt"]
)
def test_a_name_that_means_a_device_or_turns_its_letters_is_refused(
    tmp_path: Path, name: str
) -> None:
    assert codes(tmp_path, "a.zip", zipped({name: b"x"})) == {"path-trick"}


def test_a_function_that_fetches_is_refused_under_another_name(tmp_path: Path) -> None:
    formula = "_xlfn.LET(_xlpm.f,_xlfn.WEBSERVICE,_xlpm.f(&quot;http://a.test/&quot;))"
    assert "action" in codes(tmp_path, "a.xlsx", in_excel(formula))
