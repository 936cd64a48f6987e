"""The growth archive, set by typst."""

import json
from datetime import datetime
from importlib.resources import files
from typing import Any

from services.learning.domain.archive import Archive
from shared.civil import civil_date
from shared.typesetting import Typesetter

_TEMPLATE = "archive.typ"


class TypstPrinter:
    """`services.learning.application.archive_ports.ArchivePrinter`."""

    def __init__(self) -> None:
        self._typesetter = Typesetter()

    async def print(self, archive: Archive) -> bytes:
        given = {"facts": json.dumps(_facts(archive), ensure_ascii=False)}
        template = files("services.learning.adapters").joinpath(_TEMPLATE).read_bytes()
        return await self._typesetter.pdf(template, given)


def _day(at: datetime) -> str:
    return civil_date(at).isoformat()


def _facts(archive: Archive) -> dict[str, Any]:
    day = civil_date(archive.at)
    standing = archive.standing.record
    return {
        "person": archive.person,
        "day": [day.year, day.month, day.day],
        "totals": archive.standing.totals._asdict(),
        "hours": round(archive.standing.totals.duration_ms / 3_600_000, 1),
        "courses": standing["courses"],
        "mastery": standing["mastery"],
        "homework": [
            {
                "title": each.title,
                "day": _day(each.handed_in_at),
                "late": each.late,
                "score": "" if each.score is None else f"{each.score:g} / {each.points:g}",
            }
            for each in archive.homework
        ],
        "entries": [
            {
                "kind": each.entry.kind,
                "title": each.entry.title or "",
                "text": each.entry.text,
                "day": each.entry.day.isoformat(),
                "organisation": each.organisation or "",
            }
            for each in archive.entries
        ],
        "snapshots": [
            {**each.content, "term": str(each.term), "day": _day(each.taken_at)}
            for each in archive.snapshots
        ],
    }
