"""Marks (批改): by rule for choice and cloze, by people for the rest. Points come in halves."""

import math
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from services.learning.domain.assignments import Answer, Choice, Cloze, Criterion, Item, Plan
from shared.errors import DomainError


class MarksRefused(DomainError):
    """Some marks do not fit their items; ``errors`` lists each."""


class Mark(NamedTuple):
    """Of one item. ``criteria`` has the points of each line of the item's rubric."""

    points: float
    criteria: tuple[float, ...] = ()
    comment: str = ""


class GivenMark(NamedTuple):
    """What somebody gives the item at place ``item``, from 0."""

    item: int
    mark: Mark


def automatic(items: Sequence[Item], answers: Sequence[Answer]) -> list[Mark | None]:
    """The marks of items that mark themselves; an item without an answer has no points."""
    by_item = {each.item: each for each in answers}
    return [_automatic(item, by_item.get(place)) for place, item in enumerate(items)]


def _automatic(item: Item, answer: Answer | None) -> Mark | None:
    match item:
        case Choice():
            right = answer is not None and set(answer.choices or ()) == set(item.correct)
            return Mark(item.points if right else 0.0)
        case Cloze():
            given = answer.gaps or () if answer is not None else ()
            right_gaps = sum(
                _plain(text) in {_plain(each) for each in accepted}
                for text, accepted in zip(given, item.gaps, strict=False)
            )
            return Mark(halves(item.points * right_gaps / len(item.gaps)))
        case _:
            return None


def _plain(text: str) -> str:
    """Without what writing differs in: width, case, spaces (Unicode NFKC, UAX #15), and marks of
    direction and the like (general category Cf)."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if not c.isspace() and unicodedata.category(c) != "Cf")


def score(marks: Sequence[Mark | None], plan: Plan, *, late: bool) -> float | None:
    """What all marks come to, less what late work loses; None until every item has one."""
    points = [each.points for each in marks if each is not None]
    if len(points) < len(marks):
        return None
    return halves(sum(points) * (100 - plan.late_deduction if late else 100) / 100)


def halves(points: float) -> float:
    """Rounded down to half points."""
    return math.floor(points * 2) / 2


def complete(
    items: Sequence[Item], known: Sequence[Mark | None], given: Sequence[GivenMark]
) -> tuple[list[Mark], list[tuple[str, str, str]]]:
    """The marks of all items: what is `given`, else what is `known`; and what is wrong with them,
    as pointer, English, Chinese."""
    flaws: list[tuple[str, str, str]] = []
    marks = list(known)
    seen: set[int] = set()
    for place, each in enumerate(given):
        pointer = f"#/marks/{place}"
        if each.item >= len(items) or each.item in seen:
            en, zh = "There is no such item, or it is marked twice.", "没有该题，或重复评分。"
            flaws.append((f"{pointer}/item", en, zh))
            continue
        seen.add(each.item)
        marks[each.item] = each.mark
        flaws += (
            (f"{pointer}/{at}", en, zh) for at, en, zh in _misfits(items[each.item], each.mark)
        )
    missing = [place for place, each in enumerate(marks) if each is None]
    flaws += (
        ("#/marks", f"The item at {place} has no mark.", f"第 {place + 1} 题尚未评分。")
        for place in missing
    )
    return [each for each in marks if each is not None], flaws


def _misfits(item: Item, mark: Mark) -> Iterator[tuple[str, str, str]]:
    """The first thing that is wrong with the mark, if any."""
    rubric: Sequence[Criterion] = getattr(item, "rubric", ())
    if mark.criteria and not rubric:
        en = "The item has no rubric: give points alone."
        yield "criteria", en, "本题没有评分项，请只填得分。"
    elif len(mark.criteria) != len(rubric):
        count = len(rubric)
        en = f"Give points for every line of the rubric: there are {count}."
        yield "criteria", en, f"请填写全部评分项得分，本题共 {count} 项。"
    elif any(got > line.points for got, line in zip(mark.criteria, rubric, strict=True)):
        en = "Give no more for a line of the rubric than it is worth."
        yield "criteria", en, "各评分项得分不能超过其分值。"
    elif rubric and mark.points != sum(mark.criteria):
        en = "The points are the sum of those of the rubric's lines: leave them out."
        yield "points", en, "得分应等于各评分项得分之和，或省略不填。"
    elif mark.points > item.points:
        yield "points", "Give no more than the item is worth.", "得分不能超过本题分值。"
