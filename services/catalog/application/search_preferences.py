"""What a caller prefers to find: what is of the places, subjects and grades of their roles."""

import time
from collections.abc import Mapping, Sequence

from services.catalog.application.search_ports import GradeNames, SearchReads
from services.catalog.domain.search import Chosen, Facet, regions_of
from services.catalog.search.text import fold
from shared.access import Grant, grants_of
from shared.principal import Principal

KNOWN_SECONDS = 60.0
"""So long a grade is taken for the one that it was called by: it is seldom renamed."""
MOST_KNOWN = 20_000
_GRADE = "G"
"""The first letter of the labels of grades."""


class Preferences:
    """An organisation that is a grade (年级) tells by its name which one: 三年级 or 3年级."""

    def __init__(self, reads: SearchReads) -> None:
        self._reads = reads
        self._known: dict[str, tuple[float, str | None]] = {}

    async def of(self, caller: Principal | None, asked: Chosen) -> Chosen:
        """With what is known of the caller, where nothing else is asked. A statement, where a
        grade was not asked for lately."""
        grants = grants_of(caller) if caller else ()
        regions = dict.fromkeys(region for each in grants for region in regions_of(each.path))
        subjects = dict.fromkeys(each.subject for each in grants if each.subject)
        known = {Facet.REGION: tuple(regions), Facet.SUBJECT: tuple(subjects)}
        if labels := _grades_in(grants):
            known[Facet.GRADE] = await self._codes(labels)
        return {facet: values for facet, values in {**known, **asked}.items() if values}

    async def _codes(self, labels: Sequence[str]) -> tuple[str, ...]:
        now = time.monotonic()
        unknown = [each for each in labels if self._known.get(each, (0.0, None))[0] <= now]
        if unknown:
            if len(self._known) > MOST_KNOWN:
                self._known.clear()
            codes = _codes_of(await self._reads.grade_names(unknown))
            until = now + KNOWN_SECONDS
            self._known.update({each: (until, codes.get(each)) for each in unknown})
        found = (self._known.get(each, (0.0, None))[1] for each in labels)
        return tuple(dict.fromkeys(code for code in found if code))


def _grades_in(grants: Sequence[Grant]) -> Sequence[str]:
    labels = (label for each in grants for label in each.path.split("."))
    return list(dict.fromkeys(label for label in labels if label[:1] == _GRADE))


def _codes_of(names: GradeNames) -> Mapping[str, str]:
    codes = {fold(name): code for code, several in names.grades.items() for name in several}
    called = {label: fold(name).strip() for label, name in names.organisations.items()}
    return {label: codes[name] for label, name in called.items() if name in codes}
