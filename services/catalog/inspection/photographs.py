"""What telephones put behind a photograph's end: the film of a motion photo, records of a camera.

Motion Photo format 1.0 (Android) announces its film in the XMP of the photograph. A Samsung trailer
ends in a directory between `SEFH` and `SEFT`, which says where each of its blocks lies.
"""

import re
import tempfile
from pathlib import Path
from struct import Struct
from typing import Final

from services.catalog.inspection import media
from services.catalog.inspection.report import Report, Unreadable

_MOVING = re.compile(rb"(?:MotionPhoto|MicroVideo)(?:=[\"']|>)1[\"'<]")
_FTYP: Final = slice(4, 8)
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
)
_RECORD = re.compile(r"[^\x00-\x1f\x7f<>|&;$`()]{0,4096}")
"""Numbers, words or JSON; nothing that a page or a shell would act on."""
_CONTAINER_MARK: Final = b"mpv2"
"""Before the film of a newer telephone."""


def explains(head: bytes, behind: bytes, report: Report) -> bool:
    """Whether all of `behind`, which follows a photograph with that `head`, is what a telephone
    puts there; what is wrong with a film in it stands in `report`."""
    if behind.endswith(_SEF_END):
        behind, known = _without_trailer(behind, report)
        if not known:
            return False
    return not behind or (bool(_MOVING.search(head)) and _is_film(behind, report))


def _is_film(content: bytes, report: Report) -> bool:
    """Whether it is an MP4 from its first byte to its last."""
    if content[_FTYP] != b"ftyp":
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
    """A record in words, or a film."""
    if len(block) < _SEF_BLOCK.size:
        return False
    *_, length = _SEF_BLOCK.unpack_from(block)
    name, content = block[_SEF_BLOCK.size :][:length], block[_SEF_BLOCK.size + length :]
    if not _RECORDS.fullmatch(name):
        return False
    if _is_film(content.removeprefix(_CONTAINER_MARK), report):
        return True
    try:
        return bool(_RECORD.fullmatch(content.decode()))
    except UnicodeDecodeError:
        return False
