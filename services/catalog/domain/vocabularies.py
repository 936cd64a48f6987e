"""Dictionaries: the terms with which resources are described, in versions.

Every change of a dictionary makes its next version. A term is retired, never removed: what was
described with it stays readable. Which terms stood in an earlier version can be asked.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from services.catalog.domain.vocabularies_trees import ways_round
from shared.context import worded
from shared.errors import DomainError

CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MAX_TEXT = 200
SEPARATOR = "|"
"""Between several values in one cell of a CSV file; no alias holds it."""


def code_advice() -> str:
    return worded(
        "A code is 1 to 64 letters, digits, dots, hyphens and underscores.",
        "代码为 1 至 64 个字母、数字、点、连字符或下划线。",
    )


def position_advice() -> str:
    return worded("A position is a number from 0 to 999999.", "序号为 0 至 999999 的整数。")


class State(StrEnum):
    ACTIVE = "ACTIVE"
    RETIRED = "RETIRED"


class Fault(StrEnum):
    """The kinds of defects; stable, for programs."""

    MISSING = "missing"
    MALFORMED = "malformed"
    UNKNOWN = "unknown"
    AMBIGUOUS = "ambiguous"
    RETIRED = "retired"
    REPEATED = "repeated"
    CYCLE = "cycle"
    INCONSISTENT = "inconsistent"


class Flaw(NamedTuple):
    """What is wrong with one node of a dictionary, a table of contents or a knowledge graph: the
    node's code, the field at fault, and what to do."""

    code: str
    field: str
    fault: Fault
    advice: str


class TermTaken(DomainError):
    """The dictionary has that code, or an active term of that name, already."""


class TermsRefused(DomainError):
    """Terms that do not fit their dictionary; ``errors`` lists every defect."""


@dataclass(frozen=True, slots=True)
class Dictionary:
    """``version`` counts its changes from 1."""

    code: str
    title_zh: str
    title_en: str
    hierarchical: bool
    version: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Term:
    """One term as it stands since the version ``since`` of its dictionary.

    ``crosswalk`` maps the name of another code list to this term's code or name there; ``former``
    are Chinese names that it bore in earlier versions.
    """

    code: str
    name_zh: str
    name_en: str = ""
    parent: str | None = None
    aliases: tuple[str, ...] = ()
    crosswalk: Mapping[str, str] = field(default_factory=dict)
    position: int = 0
    state: State = State.ACTIVE
    since: int = 1
    former: tuple[str, ...] = field(default=(), compare=False)


def folded(text: str) -> str:
    """The form in which texts are compared: full-width forms and outer spaces make no difference,
    everything else does."""
    return unicodedata.normalize("NFKC", text).strip()


def is_hidden(character: str) -> bool:
    """Whether it is a control, a line break, unassigned, or turns the direction of writing. Joiners
    are part of words, and any space is one."""
    category = unicodedata.category(character)
    return character not in _JOINERS and (category[0] == "C" or category in ("Zl", "Zp"))


_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}\N{MONGOLIAN VOWEL SEPARATOR}"


def text_defect(text: str, *, limit: int = MAX_TEXT) -> str | None:
    """What is wrong with `text` as a name, or None."""
    if len(text) > limit:
        return worded(f"Write at most {limit} characters.", f"最多 {limit} 字。")
    if any(map(is_hidden, text)):
        return worded("Write visible characters on one line.", "请写在一行内，不得含不可见字符。")
    return None


class Lexicon:
    """One version of a dictionary, for looking terms up. Retired terms are found too."""

    def __init__(self, dictionary: Dictionary, terms: Iterable[Term]) -> None:
        self.dictionary = dictionary
        self.terms: Mapping[str, Term] = {term.code: term for term in terms}
        self._by_text: dict[str, list[Term]] = {}
        self._by_former: dict[str, list[Term]] = {}
        for term in self.terms.values():
            for text in {folded(each) for each in (term.code, term.name_zh, *term.aliases)}:
                self._by_text.setdefault(text, []).append(term)
            for text in {folded(each) for each in term.former}:
                self._by_former.setdefault(text, []).append(term)

    def with_(self, *terms: Term) -> "Lexicon":
        """The same with these `terms` as they stand in the version to come."""
        return Lexicon(self.dictionary, {**self.terms, **{t.code: t for t in terms}}.values())

    def matches(self, text: str) -> Sequence[Term]:
        """The terms with exactly that code, Chinese name or alias, or else those that once had that
        name; active ones hide retired ones.

        Several are several: the caller must not choose among them.
        """
        wanted = folded(text)
        found = self._by_text.get(wanted) or self._by_former.get(wanted, [])
        return [term for term in found if term.state is State.ACTIVE] or found


def term_flaws(
    dictionary: Dictionary, changed: Iterable[Term], all_terms: Mapping[str, Term]
) -> list[Flaw]:
    """Every flaw of the `changed` terms.

    `all_terms` are the dictionary's terms after the change.
    """
    flaws = []
    cyclic = ways_round({code: each.parent for code, each in all_terms.items()})
    for term in changed:
        flaws += _own_flaws(term)
        if term.parent is None:
            continue
        parent = all_terms.get(term.parent)
        wrong: tuple[Fault, str] | None = None
        if not dictionary.hierarchical:
            wrong = (
                Fault.MALFORMED,
                worded("This dictionary has one level: leave it out.", "该字典不分级，请留空。"),
            )
        elif parent is None:
            wrong = (
                Fault.UNKNOWN,
                worded(f"There is no term {term.parent}.", f"没有上级词条 {term.parent}。"),
            )
        elif parent.state is State.RETIRED and term.state is State.ACTIVE:
            wrong = (
                Fault.RETIRED,
                worded(f"{term.parent} is retired.", f"上级词条 {term.parent} 已停用。"),
            )
        elif term.code in cyclic:
            way = cyclic[term.code]
            wrong = (
                Fault.CYCLE,
                worded(f"A term stands below itself: {way}.", f"上下级形成循环：{way}。"),
            )
        if wrong:
            flaws.append(Flaw(term.code, "parent", *wrong))
    touched = {term.code for term in changed}
    for term in all_terms.values():
        above = all_terms.get(term.parent) if term.parent else None
        if (
            above is not None
            and term.code not in touched
            and above.code in touched
            and above.state is State.RETIRED
            and term.state is State.ACTIVE
        ):
            advice = worded(f"Retire {term.code} below it first.", f"请先停用其下级 {term.code}。")
            flaws.append(Flaw(above.code, "state", Fault.INCONSISTENT, advice))
    return flaws


def namesakes(before: Mapping[str, Term], after: Mapping[str, Term]) -> dict[str, str]:
    """The codes of active terms that come to bear a name of another, also a former one, with the
    code of that one: what is told by name could then mean either."""
    named: dict[str, list[str]] = {}
    known: dict[str, list[str]] = {}
    for code, term in after.items():
        if term.state is State.ACTIVE:
            named.setdefault(folded(term.name_zh), []).append(code)
            for name in {folded(each) for each in (term.name_zh, *term.former)}:
                known.setdefault(name, []).append(code)
    found = {}
    for name, codes in named.items():
        for code in codes:
            old, others = before.get(code), [each for each in known[name] if each != code]
            bore = old is not None and old.state is State.ACTIVE and folded(old.name_zh) == name
            if others and not bore:
                found[code] = others[0]
    return found


def namesake_advice(code: str) -> str:
    return worded(
        f"The term {code} has that name, or had it, and is found by it: choose another, or change"
        " or retire that term.",
        f"词条 {code} 正在或曾经使用此名称，仍可由此查得：请换用其他名称，或修改、停用该词条。",
    )


def name_flaws(code: str, field: str, text: str, *, needed: bool) -> list[Flaw]:
    """What is wrong with a name; one that is `needed` is not empty."""
    if needed and not text:
        return [Flaw(code, field, Fault.MISSING, worded("Give the name.", "请填写名称。"))]
    advice = text_defect(text)
    return [Flaw(code, field, Fault.MALFORMED, advice)] if advice else []


def _own_flaws(term: Term) -> list[Flaw]:
    flaws = name_flaws(term.code, "name_zh", term.name_zh, needed=True)
    flaws += name_flaws(term.code, "name_en", term.name_en, needed=False)
    flaws += [Flaw(term.code, name, Fault.MALFORMED, advice) for name, advice in _malformed(term)]
    return flaws


def _malformed(term: Term) -> Iterable[tuple[str, str]]:
    if not CODE.fullmatch(term.code):
        yield "code", code_advice()
    for text in (*term.aliases, *term.crosswalk, *term.crosswalk.values()):
        name = "aliases" if text in term.aliases else "crosswalk"
        if not text or SEPARATOR in text or text != text.strip():
            yield (
                name,
                worded(
                    f"A value is not empty, has no outer spaces and no {SEPARATOR}.",
                    f"值不得为空，首尾不得有空格，且不得含 {SEPARATOR}。",
                ),
            )
        elif advice := text_defect(text):
            yield name, advice
    if any("=" in scheme for scheme in term.crosswalk):
        yield (
            "crosswalk",
            worded("The name of a code list has no = in it.", "代码表名不得含等号。"),
        )
    if not 0 <= term.position <= 999_999:
        yield "position", position_advice()
