"""What is preferred for a caller, by where their roles are."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import pytest

from services.catalog.application.search_ports import GradeNames, Likeness, Shown
from services.catalog.application.search_preferences import Preferences
from services.catalog.domain.changes import Place
from services.catalog.domain.search import Facet
from shared.principal import Principal

GRADES = {"G3": ("三年级", "Grade 3", "3年级"), "G7": ("七年级",), "G10": ("高一", "高一年级")}


class Names:
    """The `SearchReads` of a school; ``asked`` is what was looked up."""

    def __init__(self, organisations: Mapping[str, str]) -> None:
        self._organisations = organisations
        self.asked: list[Sequence[str]] = []

    async def live(self, ids: Sequence[str], place: Place) -> Shown:
        return Shown({}, frozenset())

    async def grade_names(self, labels: Sequence[str]) -> GradeNames:
        self.asked.append(labels)
        known = {each: self._organisations[each] for each in labels if each in self._organisations}
        return GradeNames(known, GRADES)

    async def likeness(self, resource_id: UUID) -> Likeness | None:
        return None


def person(*grants: str) -> Principal:
    claims: dict[str, Any] = {"grants": list(grants)}
    return Principal(subject="a", client="c", scopes=frozenset(), claims=claims)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        *(("三年级", "G3"), ("３年级", "G3"), (" 3年级 ", "G3"), ("grade 3", "G3")),
        *(("初一", "G7"), ("初中一年级", "G7"), ("高中一年级", "G10"), ("启航部", None)),
    ],
)
async def test_a_grade_is_known_by_its_name(name: str, code: str | None) -> None:
    preferences = Preferences(Names({"G1A": name}))
    found = await preferences.of(person("student@P1.S2.G1A.K3"), {})
    assert found.get(Facet.GRADE, ()) == ((code,) if code else ())


async def test_who_has_no_role_in_a_grade_needs_no_statement() -> None:
    names = Names({})
    preferences = Preferences(names)
    assert await preferences.of(None, {}) == {}
    found = await preferences.of(person("teacher@P1.C2.S3#14"), {})
    assert found == {Facet.REGION: ("P1", "P1.C2"), Facet.SUBJECT: ("14",)}
    assert names.asked == []


async def test_grades_are_looked_up_once_whatever_comes_of_it() -> None:
    names = Names({"G1A": "三年级", "G1B": "初一"})
    preferences = Preferences(names)
    teacher = person("teacher@P1.S2.G1A.K3", "teacher@P1.S2.G1B.K4", "teacher@P1.S2.G1C.K4")
    for _ in range(2):
        found = await preferences.of(teacher, {})
        assert found[Facet.GRADE] == ("G3", "G7")
    assert names.asked == [["G1A", "G1B", "G1C"]]


async def test_what_is_asked_for_takes_the_place_of_what_is_known() -> None:
    preferences = Preferences(Names({"G1A": "三年级"}))
    asked = {Facet.GRADE: ("G9",)}
    assert (await preferences.of(person("student@P1.S2.G1A.K3"), asked))[Facet.GRADE] == ("G9",)
