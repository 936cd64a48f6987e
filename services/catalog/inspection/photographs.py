"""What telephones put behind a photograph's end: the film of a motion photo, records of a camera.

Motion Photo format 1.0 (Android) announces its film in the XMP of the photograph. A Samsung trailer
ends in a directory between `SEFH` and `SEFT`, which says where each of its blocks lies.
"""

import re
import tempfile
from pathlib import Path
from struct import Struct
from typing import Final

from services.catalog.inspection import embedded, jpegs, media
from services.catalog.inspection.formats import smuggled
from services.catalog.inspection.report import Report, Unreadable

_MOVING = re.compile(rb"(?:MotionPhoto|MicroVideo)(?:=[\"']|>)1[\"'<]")
_FTYP: Final = b"ftyp"
_FTYP_OFFSET = 4
_SEF_END: Final = b"SEFT"
_SEF_DIRECTORY: Final = b"SEFH"
_SEF_HEAD = Struct("<4sII")
_SEF_ENTRY = Struct("<HHII")
_SEF_BLOCK = Struct("<HHI")
_MOST_BLOCKS = 64
_RECORDS = re.compile(
    rb"Image_UTC_Data|MCC_Data|Camera_Capture_Mode_Info|Camera_Scene_Info|Camera_Sticker_Info"
    rb"|Color_Display_P3|Photo_HDR_Info|MotionPhoto_(?:Data|AutoPlay|Version)|PhotoEditor_\w{1,40}"
    rb"|Original_Path_Hash_Key|Gallery_DC_Data|FlipPhoto_\w{1,40}|Watermark_Info|PEg_Info"
    rb"|DualShot_\w{1,40}|SingleShot_\w{1,40}|Dual_Relighting_\w{1,40}|SlowMotion_Data"
    rb"|Sound_Shot_\w{1,40}|Jpeg360_\w{1,40}|Tag_Shot_Info|Burst_Shot_\w{1,40}|Auto_Enhance_Info"
)
_DEPTH = re.compile(rb"\w*Depth_?[Mm]ap\w*")
"""How far each point of the photograph was, in bytes."""
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f]")
_RECORD = re.compile(r"[^\x00-\x1f\x7f<>|&;$`()]{0,4096}")
"""Numbers, words or JSON; nothing that a page or a shell would act on."""
_FEW_BYTES = 1024
"""Of a camera's settings in a form of its maker's."""
_CONTAINER_MARK: Final = b"mpv2"
"""Before the film of a newer telephone."""
_CLOSING = re.compile(rb"v\d_f\d+ +\d+:\d+ +LIVE_\d+ *$")
"""Behind the film of a Huawei or Honor telephone."""


def explains(head: bytes, behind: bytes, report: Report) -> bool:
    """Whether all of `behind`, which follows a photograph with that `head`, is what a telephone
    puts there; what is wrong with a film in it stands in `report`."""
    if behind.endswith(_SEF_END):
        behind, known = _without_trailer(behind, report)
        if not known:
            return False
    film = _CLOSING.sub(b"", behind)
    begin = max(film.find(_FTYP) - _FTYP_OFFSET, 0)
    return not behind or (
        bool(_MOVING.search(head))
        and not film[:begin].strip(b"\0")
        and _is_film(film[begin:], report)
    )


def _is_film(content: bytes, report: Report) -> bool:
    """Whether it is an MP4 from its first byte to its last."""
    if not content.startswith(_FTYP, _FTYP_OFFSET):
        return False
    with tempfile.NamedTemporaryFile(dir=report.work) as copy:
        copy.write(content)
        copy.flush()
        try:
            media.inspect(Path(copy.name), "mp4", report.member("film"))
        except Unreadable:
            return False
    return True


def _without_trailer(behind: bytes, report: Report) -> tuple[bytes, bool]:
    """What stands before a trailer's first block, and whether its blocks fill it and are known."""
    size = int.from_bytes(behind[-8:-4], "little")
    begin = len(behind) - 8 - size
    directory = behind[max(begin, 0) : -8]
    if begin < 0 or size < _SEF_HEAD.size or not directory.startswith(_SEF_DIRECTORY):
        return behind, False
    _, _, count = _SEF_HEAD.unpack_from(directory)
    if count > _MOST_BLOCKS or size != _SEF_HEAD.size + count * _SEF_ENTRY.size:
        return behind, False
    blocks = sorted(
        (begin - back, length)
        for _, _, back, length in _SEF_ENTRY.iter_unpack(directory[_SEF_HEAD.size :])
    )
    reached = first = blocks[0][0] if blocks else begin
    for at, length in blocks:
        if at < 0 or at != reached or not _is_block(behind[at : at + length], report):
            return behind, False
        reached = at + length
    return behind[: max(first, 0)], reached == begin


def _is_block(block: bytes, report: Report) -> bool:
    """A record in words, a film, a photograph, a map of depth, or a few settings."""
    if len(block) < _SEF_BLOCK.size:
        return False
    *_, length = _SEF_BLOCK.unpack_from(block)
    name, content = block[_SEF_BLOCK.size :][:length], block[_SEF_BLOCK.size + length :]
    if not _RECORDS.fullmatch(name):
        return False
    if _is_film(content.removeprefix(_CONTAINER_MARK), report):
        return True
    if content.startswith(b"\xff\xd8\xff"):
        return _is_photograph(content)
    try:
        words = content.rstrip(b"\0").decode()
    except UnicodeDecodeError:
        words = "\0"
    if _CONTROLS.search(words):
        is_small = len(content) <= _FEW_BYTES or _DEPTH.fullmatch(name)
        return bool(is_small) and not smuggled(content + b"\0")
    return bool(_RECORD.fullmatch(words))


def _is_photograph(content: bytes) -> bool:
    try:
        return embedded.is_blank(content[jpegs.end(content, 0) :])
    except Unreadable:
        return False
