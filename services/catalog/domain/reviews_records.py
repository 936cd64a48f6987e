"""The 审核 sub-records of published metadata (GB/T 41469-2022, table 1, ``audit``)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.catalog.domain.policies import Kind

_EVERY_LEVEL = ("政治审核", "内容审核")
_ITEMS: Mapping[str, tuple[str, ...]] = {Kind.COMMITTEE: (*_EVERY_LEVEL, "专业审核")}
"""What the seven criteria come to in the standard's items; the committee is one of experts."""


@dataclass(frozen=True, slots=True)
class Passed:
    """A level that approved a version: ``institute`` is the organisation's name, or its path while
    its name is not known; ``at`` when its last opinion came."""

    kind: str
    institute: str
    at: datetime


def audit_records(passed: Iterable[Passed]) -> list[dict[str, Any]]:
    """``audit-item``, ``institute`` and ``date`` (GB/T 7408), level by level."""
    return [
        {"audit-item": item, "institute": each.institute, "date": each.at.date().isoformat()}
        for each in passed
        for item in _ITEMS.get(each.kind, _EVERY_LEVEL)
    ]
