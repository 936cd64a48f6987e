"""Whether an announced upload can be taken at all: every defect at once, before a byte is sent."""

import unicodedata
from collections.abc import Iterator

from services.catalog.domain.uploads import Announcement, Upload, UploadDefective
from services.catalog.inspection.formats import FORMATS, Format
from shared.context import worded


def check(announced: Announcement, largest: int) -> None:
    """Raises `UploadDefective`; `largest` is in bytes."""
    defects = [
        {"pointer": f"#/{field}", "detail": worded(en, zh)}
        for field, en, zh in _defects(announced, largest)
    ]
    if defects:
        raise _defective(defects)


def check_size(announced: Announcement, size: int) -> None:
    """Raises `UploadDefective` where the bytes with its digest are `size`, and not as many as it
    says: they could never arrive."""
    if announced.size != size:
        told = worded(
            f"The file with this digest has {size} bytes.", f"具有该摘要的文件为 {size} 字节。"
        )
        raise _defective([{"pointer": "#/size", "detail": told}])


def fits(upload: Upload, media_type: str) -> bool:
    """Whether name and declared type are those of content that was found to be `media_type`."""
    return any(
        each.media_type == media_type and each.claims(upload.media_type)
        for each in _formats(upload.filename)
    )


def _defective(defects: list[dict[str, str]]) -> UploadDefective:
    return UploadDefective(
        "Correct what errors names.", zh="请更正 errors 所列各项。", errors=defects
    )


def _defects(announced: Announcement, largest: int) -> Iterator[tuple[str, str, str]]:
    if not announced.sha256:
        yield "sha256", "A SHA-256 is 64 hexadecimal digits.", "SHA-256 为 64 位十六进制数。"
    if announced.size == 0:
        yield "size", "The file is empty.", "文件为空。"
    if announced.size < 0:
        yield "size", "A size is not negative.", "文件大小不得为负数。"
    if announced.size > largest:
        yield "size", f"A file has at most {largest} bytes.", f"文件最大 {largest} 字节。"
    name = announced.filename
    if name != name.strip() or any(map(_is_forbidden, name)):
        yield (
            "filename",
            "A name has no slashes, no control characters and no spaces around it.",
            "文件名不得含斜杠或控制字符，首尾不得有空格。",
        )
    formats = _formats(name)
    if not formats:
        known = ", ".join(sorted({one for each in FORMATS.values() for one in each.extensions}))
        yield "filename", f"Its extension is one of: {known}.", f"扩展名应为：{known}。"
    elif not any(each.claims(announced.media_type) for each in formats):
        fitting = formats[0].media_type
        yield (
            "media_type",
            f"By its name its type is {fitting}.",
            f"按扩展名，类型应为 {fitting}。",
        )


def _formats(filename: str) -> list[Format]:
    _, dot, extension = filename.rpartition(".")
    return [each for each in FORMATS.values() if dot and extension.lower() in each.extensions]


def _is_forbidden(character: str) -> bool:
    # Control, format (which turn text around), surrogate, line and paragraph separators.
    categories = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return character in "/\\" or unicodedata.category(character) in categories
