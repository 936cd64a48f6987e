"""The knowledge graph of a subject: knowledge points (知识点) in a tree, with prerequisites.

A prerequisite is learnt before the point that names it; the links form no cycle. What a change
makes of the graph is checked as a whole.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from services.catalog.domain.vocabularies import (
    CODE,
    SEPARATOR,
    Fault,
    Flaw,
    Lexicon,
    State,
    code_advice,
    name_flaws,
)
from services.catalog.domain.vocabularies_plans import (
    Defect,
    Plan,
    read_code,
    read_position,
    read_state,
    settle,
    without_repeats,
)
from services.catalog.domain.vocabularies_tables import Row
from services.catalog.domain.vocabularies_trees import cycles, ways_round
from shared.context import worded
from shared.errors import DomainError

POINT_COLUMNS = (
    "subject",
    "code",
    "parent",
    "name_zh",
    "name_en",
    "prerequisites",
    "position",
    "state",
)


class PrerequisiteCycle(DomainError):
    """A point would be a prerequisite of itself; ``cycle`` names the points on the way round."""


class PointRefused(DomainError):
    """A knowledge point does not fit its graph; ``errors`` lists every defect."""


@dataclass(frozen=True, slots=True)
class Point:
    """``code`` is its own within the subject; ``prerequisites`` are codes, sorted."""

    code: str
    name_zh: str
    name_en: str = ""
    parent: str | None = None
    prerequisites: tuple[str, ...] = ()
    position: int = 0
    state: State = State.ACTIVE


def prerequisite_cycles(points: Iterable[Point]) -> list[list[str]]:
    return cycles({point.code: point.prerequisites for point in points})


def point_flaws(changed: Iterable[Point], all_points: Mapping[str, Point]) -> list[Flaw]:
    """Every flaw of the `changed` points, but for prerequisites that form a cycle.

    `all_points` are those of the subject after the change.
    """
    cyclic = ways_round({code: each.parent for code, each in all_points.items()})
    touched = {point.code: point for point in changed}
    flaws = []
    for point in touched.values():
        code = point.code
        if not CODE.fullmatch(code):
            flaws.append(Flaw(code, "code", Fault.MALFORMED, code_advice()))
        flaws += name_flaws(code, "name_zh", point.name_zh, needed=True)
        flaws += name_flaws(code, "name_en", point.name_en, needed=False)
        if point.parent is not None and point.parent not in all_points:
            advice = worded(
                f"There is no point {point.parent} in this subject.",
                f"该学科没有上级知识点 {point.parent}。",
            )
            flaws.append(Flaw(code, "parent", Fault.UNKNOWN, advice))
        elif point.parent is not None and _leans_on_retired(point, all_points[point.parent]):
            flaws.append(Flaw(code, "parent", Fault.RETIRED, _retired(point.parent)))
        elif code in cyclic:
            advice = worded(
                f"A point stands below itself: {cyclic[code]}.", f"上下级形成循环：{cyclic[code]}。"
            )
            flaws.append(Flaw(code, "parent", Fault.CYCLE, advice))
        for other in point.prerequisites:
            if other not in all_points:
                advice = worded(
                    f"There is no point {other} in this subject.",
                    f"该学科没有先修知识点 {other}。",
                )
                flaws.append(Flaw(code, "prerequisites", Fault.UNKNOWN, advice))
            elif _leans_on_retired(point, all_points[other]):
                flaws.append(Flaw(code, "prerequisites", Fault.RETIRED, _retired(other)))
    for point in all_points.values():
        if point.code in touched:
            continue
        for other in touched.keys() & {point.parent, *point.prerequisites}:
            if _leans_on_retired(point, touched[other]):
                advice = worded(
                    f"Retire or change {point.code}, which rests on it, first.",
                    f"请先停用或修改以它为上级或先修的知识点 {point.code}。",
                )
                flaws.append(Flaw(other, "state", Fault.INCONSISTENT, advice))
    return flaws


def _retired(code: str) -> str:
    return worded(f"{code} is retired: choose another.", f"知识点 {code} 已停用，请另选。")


def _leans_on_retired(point: Point, other: Point) -> bool:
    return point.state is State.ACTIVE and other.state is State.RETIRED


@dataclass(frozen=True, slots=True)
class PlacedPoint:
    """A knowledge point with the subject that it is of."""

    subject: str
    point: Point


def plan_points(
    rows: Sequence[Row], known: Mapping[str, Mapping[str, Point]], subjects: Lexicon
) -> Plan[PlacedPoint]:
    """What `rows` make of the `known` graphs, by subject and code."""
    plan = Plan[PlacedPoint](len(rows))
    read: dict[str, dict[str, tuple[Row, Point]]] = {}
    for row, defects in without_repeats(rows, "subject", "code"):
        text = row.text("subject")
        found = subjects.matches(text)
        if len(found) != 1:
            fault = Fault.AMBIGUOUS if found else Fault.UNKNOWN
            detail = worded(
                "Write the code of one subject of the dictionary.",
                "学科无效，请写字典中的一个学科代码。",
            )
            plan.defects += [*defects, Defect(row.line, "subject", text, fault, detail)]
            continue
        subject = found[0].code
        point, own = _read(row, known.get(subject, {}).get(row.text("code")))
        plan.defects += [*defects, *own]
        if not defects and not own:
            read.setdefault(subject, {})[point.code] = (row, point)
    for subject, good in read.items():
        before = known.get(subject, {})
        settle(plan, before, good, partial(_flaws_of, before), partial(PlacedPoint, subject))
    plan.defects.sort(key=lambda defect: (defect.line, defect.column))
    return plan


def _flaws_of(before: Mapping[str, Point], good: Mapping[str, Point]) -> list[Flaw]:
    after = {**before, **good}
    flaws = point_flaws(good.values(), after)
    for cycle in prerequisite_cycles(after.values()):
        way = " → ".join(cycle)
        advice = worded(
            f"They are prerequisites of one another: {way}.", f"先修关系形成循环：{way}。"
        )
        flaws += [
            Flaw(code, "prerequisites", Fault.CYCLE, advice)
            for code in dict.fromkeys(cycle)
            if code in good
        ]
    return flaws


def _read(row: Row, old: Point | None) -> tuple[Point, list[Defect]]:
    base = old or Point(row.text("code"), "", position=row.line - 1)
    position, wrong = read_position(row, base.position)
    state, no_state = read_state(row, base.state)
    prerequisites = base.prerequisites
    if "prerequisites" in row.cells:
        prerequisites = tuple(sorted(row.values("prerequisites", SEPARATOR)))
    point = replace(
        base,
        name_zh=row.text("name_zh") if "name_zh" in row.cells else base.name_zh,
        name_en=row.text("name_en") if "name_en" in row.cells else base.name_en,
        parent=row.text("parent") or None if "parent" in row.cells else base.parent,
        prerequisites=prerequisites,
        position=position,
        state=state,
    )
    return point, read_code(row) + wrong + no_state
