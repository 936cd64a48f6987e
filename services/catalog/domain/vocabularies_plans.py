"""What an import would do, and what is wrong with its rows: worked out before anything is written.

A row with an error is not applied. An oddity is applied as it stands and told: nothing is guessed.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Generic, TypeVar

from services.catalog.domain.vocabularies import (
    CODE,
    SEPARATOR,
    Fault,
    Flaw,
    Lexicon,
    State,
    Term,
    code_advice,
    namesake_advice,
    namesakes,
    position_advice,
    term_flaws,
)
from services.catalog.domain.vocabularies_tables import Row
from shared.context import worded
from shared.errors import DomainError

T = TypeVar("T")
N = TypeVar("N")


class ImportRefused(DomainError):
    """Rows of the file have errors and nothing was applied; ``errors`` lists every defect."""


@dataclass(frozen=True, slots=True)
class Defect:
    """``value`` is the cell as written. ``odd``: the row is applied all the same."""

    line: int
    column: str
    value: str
    code: Fault
    detail: str
    odd: bool = False


@dataclass(slots=True)
class Plan(Generic[T]):
    """``added`` and ``changed`` are what would be kept of the good rows."""

    rows: int
    added: list[T] = field(default_factory=list)
    changed: list[T] = field(default_factory=list)
    unchanged: int = 0
    defects: list[Defect] = field(default_factory=list)

    @property
    def written(self) -> list[T]:
        return [*self.added, *self.changed]

    @property
    def has_errors(self) -> bool:
        return any(not defect.odd for defect in self.defects)


TERM_COLUMNS = (
    "dictionary",
    "code",
    "parent",
    "name_zh",
    "name_en",
    "aliases",
    "crosswalk",
    "position",
    "state",
)


@dataclass(frozen=True, slots=True)
class PlacedTerm:
    """A term with the dictionary that it is of."""

    dictionary: str
    term: Term


def plan_terms(rows: Sequence[Row], lexicons: Mapping[str, Lexicon]) -> Plan[PlacedTerm]:
    """What `rows` make of the dictionaries. A column that the file lacks leaves what is there."""
    plan = Plan[PlacedTerm](len(rows))
    for row, name in _of_unknown_dictionaries(rows, lexicons):
        known = sorted(lexicons)
        detail = worded(
            f"There is no dictionary {name[:64]!r}: one of {', '.join(known)}.",
            f"没有字典“{name[:64]}”，应为：{'、'.join(known)}。",
        )
        plan.defects.append(Defect(row.line, "dictionary", name, Fault.UNKNOWN, detail))
    by_dictionary: dict[str, list[Row]] = {}
    for row in rows:
        if row.text("dictionary") in lexicons:
            by_dictionary.setdefault(row.text("dictionary"), []).append(row)
    for name, own in by_dictionary.items():
        _plan_dictionary(plan, lexicons[name], own)
    plan.defects.sort(key=lambda defect: (defect.line, defect.column))
    return plan


def _of_unknown_dictionaries(
    rows: Iterable[Row], lexicons: Mapping[str, Lexicon]
) -> Iterable[tuple[Row, str]]:
    return ((row, n) for row in rows if (n := row.text("dictionary")) not in lexicons)


def _plan_dictionary(plan: Plan[PlacedTerm], lexicon: Lexicon, rows: Sequence[Row]) -> None:
    dictionary, before = lexicon.dictionary, lexicon.terms
    good: dict[str, tuple[Row, Term]] = {}
    for row, defects in without_repeats(rows, "code"):
        term, own = _read(row, before.get(row.text("code")))
        if defects + own:
            plan.defects += defects + own
        else:
            good[term.code] = (row, term)

    def flaws_of(read: Mapping[str, Term]) -> list[Flaw]:
        after = {**before, **read}
        taken = namesakes(before, after).items()
        return [
            *term_flaws(dictionary, read.values(), after),
            *(Flaw(c, "name_zh", Fault.REPEATED, namesake_advice(other)) for c, other in taken),
        ]

    settle(plan, before, good, flaws_of, partial(PlacedTerm, dictionary.code))


ROUNDS = 8


def settle(
    plan: Plan[T],
    before: Mapping[str, N],
    good: dict[str, tuple[Row, N]],
    flaws_of: Callable[[Mapping[str, N]], list[Flaw]],
    placed: Callable[[N], T],
) -> None:
    """Add to `plan` the rows among the `good` that fit together and with what was `before`.

    `flaws_of` names those that do not. A row may lean on one that is
    refused: the rest is looked at again, and refused as a whole if that has no end soon.
    """
    for _ in range(ROUNDS):
        flaws = flaws_of({code: node for code, (_, node) in good.items()})
        if not flaws:
            break
        for code, column, fault, advice in flaws:
            row = good[code][0]
            plan.defects.append(Defect(row.line, column, row.text(column), fault, advice))
        for flaw in flaws:
            good.pop(flaw.code, None)
    else:
        detail = worded(
            "It leans on rows that are refused: correct those first.",
            "所依赖的行有误，请先更正那些行。",
        )
        for code, (row, _node) in good.items():
            plan.defects.append(Defect(row.line, "code", code, Fault.UNKNOWN, detail))
        good.clear()
    for code, (_row, node) in good.items():
        old = before.get(code)
        if old is None:
            plan.added.append(placed(node))
        elif old == node:
            plan.unchanged += 1
        else:
            plan.changed.append(placed(node))


def _read(row: Row, old: Term | None) -> tuple[Term, list[Defect]]:
    base = old or Term(row.text("code"), "", position=row.line - 1)
    defects = read_code(row)
    crosswalk = dict(base.crosswalk)
    if "crosswalk" in row.cells:
        pairs = [each.partition("=") for each in row.values("crosswalk", SEPARATOR)]
        crosswalk = {scheme: value for scheme, _, value in pairs}
        if len(crosswalk) < len(pairs) or not all(scheme and value for scheme, _, value in pairs):
            advice = worded(
                "Write list=code, each list once, several parted by |.",
                "请写作“代码表=代码”，每个代码表一次，以 | 分隔。",
            )
            defects.append(malformed(row, "crosswalk", advice))
    position, wrong = read_position(row, base.position)
    state, odd_state = read_state(row, base.state)
    term = replace(
        base,
        parent=row.text("parent") or None if "parent" in row.cells else base.parent,
        name_zh=row.text("name_zh") if "name_zh" in row.cells else base.name_zh,
        name_en=row.text("name_en") if "name_en" in row.cells else base.name_en,
        aliases=row.values("aliases", SEPARATOR) if "aliases" in row.cells else base.aliases,
        crosswalk=crosswalk,
        position=position,
        state=state,
    )
    return term, defects + wrong + odd_state


def malformed(row: Row, column: str, detail: str) -> Defect:
    value = row.cells.get(column, "")
    fault = Fault.MALFORMED if value.strip() else Fault.MISSING
    return Defect(row.line, column, value, fault, detail)


def read_code(row: Row) -> list[Defect]:
    return [] if CODE.fullmatch(row.text("code")) else [malformed(row, "code", code_advice())]


def read_position(row: Row, default: int) -> tuple[int, list[Defect]]:
    text = row.text("position")
    if not text:
        return default, []
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        return default, [malformed(row, "position", position_advice())]
    return int(text), []


def read_state(row: Row, default: State) -> tuple[State, list[Defect]]:
    text = row.text("state")
    if not text:
        return default, []
    if text not in State.__members__:
        advice = worded("A state is ACTIVE or RETIRED.", "状态为 ACTIVE 或 RETIRED。")
        return default, [malformed(row, "state", advice)]
    return State(text), []


def without_repeats(rows: Sequence[Row], *key: str) -> Iterable[tuple[Row, list[Defect]]]:
    """Each row with a defect where an earlier one has the same `key`, an empty one excepted.

    All rows of a key that repeats are refused: which of them is meant is not guessed.
    """
    counts = Counter(tuple(row.text(column) for column in key) for row in rows)
    for row in rows:
        defects = []
        own = tuple(row.text(column) for column in key)
        if counts[own] > 1 and own[-1]:
            detail = worded(
                f"{counts[own]} rows have this {key[-1]}: keep one.",
                f"有 {counts[own]} 行的 {key[-1]} 相同，请只保留一行。",
            )
            defects.append(Defect(row.line, key[-1], own[-1], Fault.REPEATED, detail))
        yield row, defects
