"""Photographs as telephones make them, with a film or with records behind their end."""

import struct
from functools import partial

from tests.hostile.archives import zipped
from tests.hostile.case import Case
from tests.hostile.containers import film_elsewhere
from tests.hostile.images import picture
from tests.hostile.media import mp4

_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_RECORD = (0x0A01, b"Image_UTC_Data", b"1693526400000")


def _announcing(words: bytes = b'Camera:MotionPhoto="1"') -> bytes:
    whole = picture("JPEG")
    told = _XMP + b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><d ' + words + b"/></x:xmpmeta>"
    return whole[:2] + b"\xff\xe1" + struct.pack(">H", len(told) + 2) + told + whole[2:]


def _trailer(*blocks: tuple[int, bytes, bytes]) -> bytes:
    """Blocks and their directory."""
    body, entries = b"", []
    for kind, name, content in blocks:
        block = struct.pack("<HHI", 0, kind, len(name)) + name + content
        entries.append((kind, len(body), len(block)))
        body += block
    directory = struct.pack("<4sII", b"SEFH", 107, len(entries)) + b"".join(
        struct.pack("<HHII", 0, kind, len(body) - at, length) for kind, at, length in entries
    )
    return body + directory + struct.pack("<I4s", len(directory), b"SEFT")


def _moving(film: bytes, words: bytes = b'Camera:MotionPhoto="1"') -> bytes:
    return _announcing(words) + film


HONEST = [
    Case("a motion photo", "PXL_0001.MP.jpg", lambda: _moving(mp4())),
    Case("a motion photo of old", "MVIMG_0001.jpg", lambda: _moving(mp4(), b'GCamera:MicroVideo="1" GCamera:MicroVideoOffset="9"')),
    Case("a motion photo in elements", "a.jpg", lambda: _moving(mp4(), b'a=""><Camera:MotionPhoto>1</Camera:MotionPhoto><a')),
    Case("a photograph with records", "20260901.jpg", lambda: picture("JPEG") + _trailer(_RECORD, (0x0C61, b"Camera_Capture_Mode_Info", b"1"))),
    Case("a photograph with a film among records", "20260901.jpg", lambda: picture("JPEG") + _trailer(_RECORD, (0x0A30, b"MotionPhoto_Data", mp4()))),
    Case("a motion photo with records", "20260901.jpg", lambda: _moving(mp4() + _trailer(_RECORD))),
    Case("a photograph with its depth", "20260901.jpg", lambda: picture("JPEG") + _trailer(_RECORD, (0x0AB1, b"DualShot_DepthMap_1", bytes(range(256)) * 40), (0x0AB0, b"DualShot_1", picture("JPEG")))),
    Case("a photograph with settings of its camera", "20260901.jpg", lambda: picture("JPEG") + _trailer((0x0C01, b"Camera_Scene_Info", b"\0\0\0\1\2"), (0x0C51, b"Color_Display_P3", b"sRGB\0"))),
    Case("a motion photo with room before its film", "a.jpg", lambda: _moving(b"\0" * 32 + mp4())),
    Case("a motion photo with room behind its film", "a.jpg", lambda: _moving(mp4() + b"\0" * 16)),
    Case("a motion photo of Huawei", "IMG_1.jpg", lambda: _moving(mp4() + b"v2_f31     40:500      LIVE_9999            ")),
    Case("a photograph with its gain map", "a.jpg", lambda: _moving(picture("JPEG"), b'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"')),
    Case("a ZIP of a motion photo", "a.zip", lambda: zipped({"a.jpg": _moving(mp4()), "b.jpg": picture("JPEG") + _trailer(_RECORD)})),
]  # fmt: skip

_HIDING: tuple[tuple[str, bytes, str], ...] = (
    ("a film that nothing announces", picture("JPEG") + mp4(), "hidden-data"),
    ("a film that is said not to be", _moving(mp4(), b'Camera:MotionPhoto="0"'), "hidden-data"),
    ("a program for a film", _moving(b"MZ" + b"\x90" * 900), "hidden-data"),
    ("a film and a program", _moving(mp4() + b"MZ" + b"\x90" * 900), "hidden-data"),
    ("a program before the film", _moving(b"MZ" + b"\x90" * 900 + mp4()), "hidden-data"),
    ("a film cut short", _moving(mp4()[:-999]), "hidden-data"),
    ("a film of elsewhere", _moving(film_elsewhere()), "external-reference"),
    ("a program among records", picture("JPEG") + _trailer(_RECORD, (0x0A30, b"MotionPhoto_Data", b"MZ" + b"\x90" * 99)), "hidden-data"),
    ("a program between records", picture("JPEG") + b"MZ" + b"\x90" * 99 + _trailer(_RECORD), "hidden-data"),
    ("a record of another name", picture("JPEG") + _trailer((0x0A01, b"Payload", b"1")), "hidden-data"),
    ("a command among records", picture("JPEG") + _trailer((0x0A01, b"Image_UTC_Data", b"1; $(calc)")), "hidden-data"),
    ("a program for its depth", picture("JPEG") + _trailer((0x0AB1, b"DualShot_DepthMap_1", b"MZ" + b"\x90" * 9000)), "hidden-data"),
    ("a program behind its second photograph", picture("JPEG") + _trailer((0x0AB0, b"DualShot_1", picture("JPEG") + b"MZ" + b"\x90" * 99)), "hidden-data"),
    ("more before its film than room", _moving(b"\0" * 8 + b"x" * 90 + mp4()), "hidden-data"),
    ("more behind its film than a mark", _moving(mp4() + b"MZ" + b"\x90" * 99 + b"v2_f31 40:500 LIVE_9"), "hidden-data"),
    ("a directory that leads outside", picture("JPEG") + _trailer(_RECORD)[:-40] + struct.pack("<I4s", 9999, b"SEFT"), "hidden-data"),
    ("a page among records", picture("JPEG") + _trailer((0x0A01, b"Image_UTC_Data", b"<html><script>1</script>")), "polyglot"),
    ("a film of elsewhere among records", picture("JPEG") + _trailer((0x0A30, b"MotionPhoto_Data", film_elsewhere())), "external-reference"),
)  # fmt: skip

HOSTILE = [
    *(Case(f"a photograph with {what}", "a.jpg", partial(bytes, content), code) for what, content, code in _HIDING),
]  # fmt: skip
