"""Archives of an intake, read by the reader that inspects archives, and never unpacked by name."""

import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from services.catalog.domain.intake import UnreadableTable
from services.catalog.inspection import archives
from services.catalog.inspection.report import Report, Unreadable, found
from shared.context import worded


class ZipArchive:
    """`services.catalog.application.intake_ports.Archive`."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._entries = {
            archives.name_of(each): each for each in archive.infolist() if not each.is_dir()
        }

    def names(self) -> Collection[str]:
        return self._entries.keys()

    @contextmanager
    def reading(self, name: str) -> Iterator[BinaryIO]:
        with _told(), archives.reading(self._archive, self._entries[name]) as source:
            yield source


@contextmanager
def open_archive(path: Path) -> Iterator[ZipArchive]:
    """`services.catalog.application.intake_ports.OpenArchive`."""
    report = Report(path.parent)
    with _told(), archives.opened(path, report) as archive:
        if not report.clean:
            raise Unreadable(report.findings[0]["code"])
        yield ZipArchive(archive)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except Unreadable as unreadable:
        told = found(unreadable.code)
        raise UnreadableTable(
            worded(
                f"The archive cannot be read. {told['detail']}",
                f"压缩包无法读取：{told['detail_zh']}",
            )
        ) from unreadable
