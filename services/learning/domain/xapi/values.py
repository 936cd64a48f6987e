"""The plain values of xAPI: identifiers, instants, durations, language tags.

xAPI 1.0.3 part 2 §4; IEEE 9274.1.1 §4.2.7.
"""

import re
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache

UUID_TEXT = re.compile(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
)
IRI = re.compile(r'[A-Za-z][A-Za-z0-9+.\-]*:[^\s\x00-\x1f\x7f<>"{}|\\^`]+')
MBOX = re.compile(r"mailto:[^\s\x00-\x1f\x7f@]+@[^\s\x00-\x1f\x7f@]+")
SHA1 = re.compile(r"[0-9a-fA-F]{40}")
SHA2 = re.compile(r"(?:[0-9a-fA-F]{2}){28,64}")
MEDIA_TYPE = re.compile(r"[\w!#$&^.+\-]+/[\w!#$&^.+\-]+(?:[\t ]*;[\t -~]*)?", re.ASCII)
LANGUAGE = re.compile(
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})"
    r"(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?"
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*"
    r"(?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?"
    r"|x(?:-[a-z0-9]{1,8})+|i-[a-z]+|art-lojban|zh-(?:min(?:-nan)?|guoyu|hakka|xiang)",
    re.IGNORECASE,
)
_DURATION = re.compile(
    r"P(?=[0-9T])(?:(?P<weeks>[0-9]+(?:[.,][0-9]+)?)W"
    r"|(?:(?P<years>[0-9]+(?:[.,][0-9]+)?)Y)?(?:(?P<months>[0-9]+(?:[.,][0-9]+)?)M)?"
    r"(?:(?P<days>[0-9]+(?:[.,][0-9]+)?)D)?"
    r"(?:T(?=[0-9])(?:(?P<hours>[0-9]+(?:[.,][0-9]+)?)H)?"
    r"(?:(?P<minutes>[0-9]+(?:[.,][0-9]+)?)M)?(?:(?P<seconds>[0-9]+(?:[.,][0-9]+)?)S)?)?)"
)
_SECONDS = {
    "weeks": 604_800,
    "years": 31_556_952,
    "months": 2_629_746,
    "days": 86_400,
    "hours": 3_600,
    "minutes": 60,
    "seconds": 1,
}
_BEYOND_HUNDREDTHS = re.compile(r"([.,][0-9]{2})[0-9]+S$")
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
    r"(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
_UNKNOWN_OFFSET = ("-00", "-0000", "-00:00")
_LONGEST_DATE = len("2026-11-22")
LONGEST_DURATION_MS = 36_525 * 86_400_000
"""A hundred years. What is longer counts as that long, and is refused at the door."""
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""Instants from the one up to the other are taken in."""
REMEMBERED_LENGTH = 64
"""What is longer is read anew each time: nobody fills the memory with it."""


class Version(StrEnum):
    """The versions spoken, each at a base path of its own."""

    V1 = "1.0.3"
    V2 = "2.0.0"


def instant(text: str, version: Version) -> datetime:
    """The instant that `text` names, in UTC.

    1.0.3 takes ISO 8601, and UTC where no offset is given; 2.0.0 takes RFC 3339, but for leap
    seconds. Both refuse the offset -00:00, which says that local time is unknown. Raises
    ValueError.
    """
    text = text.upper()
    if len(text) > _LONGEST_DATE and text.endswith(_UNKNOWN_OFFSET):
        raise ValueError("The offset -00:00 says nothing: give the offset from UTC.")
    if version is Version.V2 and not _RFC3339.fullmatch(text):
        raise ValueError("This is no RFC 3339 time, such as 2026-11-22T08:00:00.000Z.")
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("This is no ISO 8601 time, such as 2026-11-22T08:00:00.000Z.") from None


def told(moment: datetime) -> str:
    """`moment`, in UTC, as the store tells it: RFC 3339 with microseconds."""
    return moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def is_duration(text: str) -> bool:
    """Whether `text` is a duration of ISO 8601:2004 §4.4.3.2, in designators."""
    try:
        milliseconds(text)
    except ValueError:
        return False
    return True


def milliseconds(duration: str) -> int:
    """The length of a duration; a year has 365.2425 days, a month a twelfth of them. Raises
    ValueError for what is none."""
    return (_length if len(duration) <= REMEMBERED_LENGTH else _length.__wrapped__)(duration)


@lru_cache(4096)
def _length(duration: str) -> int:
    match = _DURATION.fullmatch(duration)
    if match is None:
        raise ValueError(f"{duration!r} is no duration")
    parts = ((name, part) for name, part in match.groupdict().items() if part)
    total = sum(float(part.replace(",", ".")) * _SECONDS[name] for name, part in parts)
    return round(min(total * 1000, LONGEST_DURATION_MS))


def to_hundredths(duration: str) -> str:
    """`duration` cut, not rounded, to a hundredth of a second: what is compared of it."""
    if "." not in duration and "," not in duration:
        return duration
    return _BEYOND_HUNDREDTHS.sub(r"\1S", duration)
