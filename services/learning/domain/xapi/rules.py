"""The rules that hold for every object in a statement, as tables.

A table names the properties an object may have and the check of each; what is not in the table may
not be there. A check appends to a `Report`, which says where (RFC 6901 JSON pointer) and what.
xAPI 1.0.3 part 2 §2.2-2.4, §4; IEEE 9274.1.1 §4.2.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from re import Pattern
from typing import Any, NamedTuple

import orjson

from services.learning.domain.xapi import values
from services.learning.domain.xapi.values import Version

Json = dict[str, Any]
MOST_DEFECTS = 50
REMEMBERED = 50_000
REMEMBERED_BYTES = 2_000
"""What is larger is checked anew each time: nobody fills the memory with it."""
DEEPEST = 64
"""How deep the value of an extension may be nested."""


class Defect(NamedTuple):
    """One thing that is wrong. ``pointer`` leads from the body's root."""

    pointer: str
    detail: str


class Report:
    """The defects found so far in a statement of `version`."""

    __slots__ = ("defects", "version")

    def __init__(self, version: Version) -> None:
        self.version = version
        self.defects: list[Defect] = []

    def add(self, pointer: str, detail: str) -> None:
        if len(self.defects) < MOST_DEFECTS:
            self.defects.append(Defect(pointer, detail))


Check = Callable[[Any, str, Report], None]


@dataclass(frozen=True, slots=True)
class Shape:
    """An object: the check of each property, those it must have, and rules across them."""

    properties: Mapping[str, Check]
    required: tuple[str, ...] = ()
    across: Callable[[Json, str, Report], None] | None = None
    since_v2: frozenset[str] = frozenset()

    def __call__(self, value: Any, at: str, report: Report) -> None:
        if type(value) is not dict:
            report.add(at, "This must be an object.")
            return
        properties = self.properties
        for name, each in value.items():
            check = properties.get(name)
            if check is None:
                report.add(f"{at}/{escaped(name)}", "There is no such property here.")
            elif each is None:
                report.add(f"{at}/{name}", "null is allowed in extensions only.")
            else:
                check(each, f"{at}/{name}", report)
        for name in self.required:
            if name not in value:
                report.add(at, f"The property {name} is missing.")
        if self.since_v2 and report.version is Version.V1:
            for name in self.since_v2 & value.keys():
                report.add(f"{at}/{name}", "This property came with xAPI 2.0.0.")
        if self.across is not None:
            self.across(value, at, report)


class Remembered:
    """A check that knows again what passed before: learners come back, and verbs and activities
    are few.

    ``./shuyuan bench activity`` shows what it saves.
    """

    def __init__(self, check: Check) -> None:
        self._check = check
        self._passed: dict[Version, set[bytes]] = {version: set() for version in Version}

    def __call__(self, value: Any, at: str, report: Report) -> None:
        try:
            mark = orjson.dumps(value)
        except TypeError:  # beyond 64 bits, or nested deep
            self._check(value, at, report)
            return
        passed = self._passed[report.version]
        if mark in passed:
            return
        before = len(report.defects)
        self._check(value, at, report)
        if len(report.defects) == before < MOST_DEFECTS and len(mark) <= REMEMBERED_BYTES:
            if len(passed) >= REMEMBERED:
                passed.clear()
            passed.add(mark)


def escaped(name: str) -> str:
    """`name` as a token of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def text(value: Any, at: str, report: Report) -> None:
    if type(value) is not str:
        report.add(at, "This must be a string.")
    elif "\0" in value:
        report.add(at, "This holds the character NUL: leave it out.")
    elif _is_torn(value):
        report.add(at, "This holds half of a surrogate pair.")


def _is_torn(value: str) -> bool:
    """Whether the text has no UTF-8."""
    return not value.isascii() and any("\ud800" <= each <= "\udfff" for each in value)


def boolean(value: Any, at: str, report: Report) -> None:
    if type(value) is not bool:
        report.add(at, "This must be true or false.")


def number(value: Any, at: str, report: Report) -> None:
    if type(value) not in (int, float):
        report.add(at, "This must be a number.")


def whole(value: Any, at: str, report: Report) -> None:
    if type(value) is not int or value < 0:
        report.add(at, "This must be a whole number, not negative.")


def matching(pattern: Pattern[str], what: str) -> Check:
    """A string that is `pattern` as a whole."""
    detail = f"This is not {what}."

    def check(value: Any, at: str, report: Report) -> None:
        if type(value) is not str or pattern.fullmatch(value) is None or _is_torn(value):
            report.add(at, detail)

    return check


def one_of(*allowed: str) -> Check:
    """One of these strings, exactly."""
    detail = f"This must be {' or '.join(allowed)}."

    def check(value: Any, at: str, report: Report) -> None:
        if type(value) is not str or value not in allowed:
            report.add(at, detail)

    return check


def each_of(check: Check, *, at_least: int = 0) -> Check:
    """An array, every item of which passes `check`."""

    def items(value: Any, at: str, report: Report) -> None:
        if type(value) is not list:
            report.add(at, "This must be an array.")
            return
        if len(value) < at_least:
            report.add(at, "This array must not be empty.")
        for index, item in enumerate(value):
            check(item, f"{at}/{index}", report)

    return items


iri = matching(values.IRI, "an IRI with its scheme")
uuid = matching(values.UUID_TEXT, "a UUID in its standard form")
media_type = matching(values.MEDIA_TYPE, "a media type")
mbox = matching(values.MBOX, "a mailto IRI of an e-mail address")
sha1 = matching(values.SHA1, "a SHA-1 in hexadecimal")
sha2 = matching(values.SHA2, "a SHA-2 in hexadecimal")
language = matching(values.LANGUAGE, "a language tag (RFC 5646)")


def duration(value: Any, at: str, report: Report) -> None:
    if type(value) is not str or not values.is_duration(value):
        report.add(at, "This is no ISO 8601 duration, such as PT1H30M.")
    elif values.milliseconds(value) >= values.LONGEST_DURATION_MS:
        report.add(at, "This is a hundred years or more.")


def timestamp(value: Any, at: str, report: Report) -> None:
    if type(value) is not str:
        report.add(at, "This must be a string.")
        return
    try:
        moment = values.instant(value, report.version)
    except ValueError as error:
        report.add(at, str(error))
        return
    if not values.EARLIEST <= moment < values.LATEST:
        report.add(
            at, f"This lies before {values.EARLIEST.year} or after {values.LATEST.year - 1}."
        )


def language_map(value: Any, at: str, report: Report) -> None:
    if type(value) is not dict:
        report.add(at, "This must be an object of texts by language.")
        return
    for tag, words in value.items():
        if values.LANGUAGE.fullmatch(tag) is None:
            report.add(f"{at}/{escaped(tag)}", "This is not a language tag (RFC 5646).")
        text(words, f"{at}/{escaped(tag)}", report)


def extensions(value: Any, at: str, report: Report) -> None:
    if type(value) is not dict:
        report.add(at, "This must be an object of values by IRI.")
        return
    for key, each in value.items():
        if values.IRI.fullmatch(key) is None:
            report.add(f"{at}/{escaped(key)}", "The key of an extension must be an IRI.")
        _anything(each, f"{at}/{escaped(key)}", report, DEEPEST)


def _anything(value: Any, at: str, report: Report, levels: int) -> None:
    """Any JSON that can be kept."""
    if type(value) is str:
        text(value, at, report)
    elif type(value) is not dict and type(value) is not list:
        return
    elif levels == 0:
        report.add(at, f"This is nested more than {DEEPEST} deep.")
    elif type(value) is dict:
        for key, each in value.items():
            text(key, f"{at}/{escaped(key)}", report)
            _anything(each, f"{at}/{escaped(key)}", report, levels - 1)
    else:
        for index, each in enumerate(value):
            _anything(each, f"{at}/{index}", report, levels - 1)
