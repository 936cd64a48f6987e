"""Personal data in texts: numbers that prove themselves by their check characters, and those that
have only a shape. What is found is told masked.

    护照、通行证     letters and digits of a form, in a text that speaks of such papers
    居民身份证号码   GB 11643, date and check, also within a 残疾人证 number, which has two digits
                     more; of 15 digits province and date, after the word for it
                     or, with a division and a year of people now living, by themselves
    学籍号           three forms; that with an ID number in it, with its check
    手机号码         11 digits, 13 to 19; round ones, which count something, after the word for it
    固定电话         area code and 7 or 8 digits, with a mark between; without either after the word
    电子邮箱         RFC 5321, the plain form, of a domain that is no example (RFC 2606)
    银行卡号         ISO/IEC 7812-1, 16 to 19 digits of the great networks, with the Luhn check
    学号、考号、QQ、微信   digits or letters of their form, right behind their word
    住址             a place and a number of a house, right behind the word for a home, or a city
                     too where somebody says that they live there; in a list or by itself, a street
                     or housing estate with the numbers of house and room
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.catalog.domain.checks import Defect, Examined
from shared.chinese_codes import (
    PROVINCES,
    InvalidOfficialCode,
    parse_id_number,
    parse_student_number,
)

MOST_TOLD = 20
"""Of one file; how many there are beyond is told as a number."""


@dataclass(frozen=True, slots=True)
class Found:
    """``kind`` ends the code of the defect."""

    kind: str
    masked: str


def find(text: str) -> Iterator[Found]:
    """Personal data in `text`, by kind and then in order."""
    rest = _UNSEEN.sub("", unicodedata.normalize("NFKC", text)).translate(_DASHES)
    rest = _OF_AN_OFFICE.sub(" ", _headed(rest))
    for kind in (*_KINDS, *(kind for word, kind in _NAMED if word.search(rest))):
        found, rest = _taken(rest, *kind)
        yield from found


def _headed(text: str) -> str:
    """`text` with the heading of its column before each cell of a table: a row to a line, cells
    between tabs or commas."""
    if not _HEADING.search(text):
        return text
    headings: Mapping[int, str] = {}
    lines = []
    for line in text.split("\n"):
        parts = _BETWEEN_CELLS.split(line)  # cells with what is between them
        cells = [part.strip() for part in parts[::2]]
        named = {at: cell for at, cell in enumerate(cells) if _HEADING.fullmatch(cell)}
        if named or len(cells) < 2:
            headings = named
        for at in headings.keys() - named.keys():
            if at < len(cells):
                parts[2 * at] = f"{headings[at]} {cells[at]}"
        lines.append("".join(parts))
    return "\n".join(lines)


def _taken(
    text: str, kind: str, shape: re.Pattern[str], proven: Callable[[str], bool]
) -> tuple[list[Found], str]:
    """What is found of one kind, and the text without it: an ID number within a 学籍号 is no
    second find."""
    found = []

    def take(match: re.Match[str]) -> str:
        if not proven(match[1]):
            return match[0]
        found.append(Found(kind, _masked(match[1])))
        return " "

    return found, shape.sub(take, text)


def in_metadata(examined: Examined) -> Iterable[Defect]:
    for pointer, text in _texts("#/metadata", examined.metadata):
        yield from _told(pointer, text)


def in_files(examined: Examined) -> Iterable[Defect]:
    for each in examined.files:
        yield from _told(each.pointer, each.filename, " (file name)", "（文件名）")
        yield from _told(f"{each.pointer}/alt_text", each.alt_text or "")
        count = 0
        for place, text in each.words:
            for found in find(text):
                count += 1
                if count <= MOST_TOLD:
                    told = f" ({each.filename}{', ' * bool(place.en)}{place.en})"
                    told_zh = f"（{each.filename}{' ' * bool(place.zh)}{place.zh}）"
                    values = {"masked": found.masked, "place": told, "place_zh": told_zh}
                    yield Defect(f"personal-{found.kind}", each.pointer, values)
        if count > MOST_TOLD:
            yield Defect("personal-more", each.pointer, {"count": count - MOST_TOLD})


def _told(pointer: str, text: str, place: str = "", place_zh: str = "") -> Iterator[Defect]:
    for found in find(text):
        values = {"masked": found.masked, "place": place, "place_zh": place_zh}
        yield Defect(f"personal-{found.kind}", pointer, values)


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _texts(pointer: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _texts(f"{pointer}/{name}", each)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _texts(f"{pointer}/{index}", each)


def _parses(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def proven(text: str) -> bool:
        try:
            parse(text)
        except InvalidOfficialCode:
            return False
        return True

    return proven


def _is_student_number(text: str) -> bool:
    number = text.upper()
    return _is_id_number(number[1:]) if number[0] == "G" else _parses(parse_student_number)(number)


def _is_id_number(text: str) -> bool:
    return _has_id_check(_joined(text))


def _is_disability_card(text: str) -> bool:
    """An ID number, kind and degree."""
    return _has_id_check(text[:-2])


def _counts_nothing(text: str) -> bool:
    return not _joined(text).endswith("000000")


def _is_mailbox(text: str) -> bool:
    name, _, domain = text.lower().partition("@")
    return name not in _NOBODY and not _EXAMPLE_DOMAIN.search(domain)


def _is_wechat_id(text: str) -> bool:
    return text.lower() not in _PROGRAMS


def _is_old_id_number(text: str) -> bool:
    """Of 15 digits: the province, and a date of birth in the twentieth century."""
    try:
        datetime.strptime(f"19{text[6:12]}+0000", "%Y%m%d%z")
    except ValueError:
        return False
    return text[:2] in PROVINCES


def _is_likely_old_id_number(text: str) -> bool:
    """Likewise with prefecture and county (GB/T 2260), not all of few digits."""
    prefecture, county = int(text[2:4]), int(text[4:6])
    divided = (1 <= prefecture <= 70 or prefecture == 90) and 1 <= county <= 99
    return divided and int(text[6:8]) >= 20 and len(set(text)) > 4 and _is_old_id_number(text)


def _by_its_shape(_text: str) -> bool:
    """Nothing else proves it."""
    return True


def _joined(text: str) -> str:
    return re.sub(r"[ \n./-]", "", text)


def _is_card(text: str) -> bool:
    digits = _joined(text)
    return 16 <= len(digits) <= 19 and len(set(digits)) > 1 and luhn(digits)


def _shape(pattern: str, *, before: str = "") -> re.Pattern[str]:
    """`pattern` by itself, or right behind `before`; the first group is what it found."""
    alone = "(?<![0-9A-Za-z.])"
    begin = f"(?:{alone}|{before})" if before else alone
    return re.compile(rf"{begin}({pattern})(?![0-9A-Za-z])")


_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"), "-")
_GAP = r"[ \n./-]{0,2}"
"""Between the groups of a number, as people write them and as lines are broken."""
_has_id_check = _parses(parse_id_number)
_AREA = "0(?:10|2[0-9]|[3-9][0-9]{2})"
_OF_AN_OFFICE = re.compile(
    r"(?:[院馆局社台厅]|公司|中心|热线|客服|咨询)[ ]?(?:(?:咨询|服务|联系|值班|办公)?电话)?"
    rf"[ ]?:?[ ]?{_AREA}-[2-8][0-9]{{6,7}}(?![0-9])"
)
_PHONE_WORD = (
    r"(?:手机|电话|联系方式|座机|固话|(?<![A-Za-z])(?i:tel|phone|mobile|mob))(?:号码|号|码)?"
    r"[ \t]*[.:是为]?[ \t\n]{0,2}"
)
_IN_PHONES = r"(?:[ \n./-]{0,2}|[\u00b7\u30fb_])"
_PHONE = rf"(?:(?:\+|00)?86{_GAP})?\(?1[3-9][0-9]\)?(?:{_IN_PHONES}[0-9]{{4}}){{2}}(?![0-9A-Za-z])"
_RECKONED = "(?![个件担吨元亿万年米克秒次粒颗%÷×+*=^])"
_NOBODY = frozenset({"git", "user", "username", "yourname", "your_name", "name", "xxx", "noreply"})
_EXAMPLE_DOMAIN = re.compile(r"(?:^|\.)(?:example\.(?:com|net|org)|example|test|invalid)$")
_PROGRAMS = frozenset(
    (
        *("wechat", "weixin", "windows", "android", "iphone", "harmony", "harmonyos", "github"),
        *("python", "client", "server", "openid", "unionid", "miniprogram", "minigame", "payment"),
    )
)
_CALLS = r"(?<![A-Za-z])(?i:tel|phone|mobile|mob|qq|wx|wechat|weixin|no)\.?"
_TO = r"(?:号码|号|码)?(?:\([^()\n]{0,12}\))?[ \t]*[:是为]?[ \t\n]{0,2}"
"""From the word for a number to the number."""
_ENDED = "(?![A-Za-z0-9_-])"
_HOME_WORDS = (
    "家庭(?:住址|地址|所在地)|(?:现|户籍|居)?住址|户[籍口](?:地址|所在地)"
    "|(?:居住|收货|收件|邮寄|通讯|通信)地址"
)
_HOME = rf"(?:{_HOME_WORDS})[ \t]*[:是为在]{{0,2}}[ \t\n]{{0,2}}"
_LIVES = (
    "(?:家住在?|[我他她]住在|[我他她]家(?:就)?(?:住)?在)"
    r"(?=[^\n,。]{1,20}(?:[省县]|(?<!城)市|(?<!小)区))"
)
_HEADING = re.compile(
    rf"QQ号?码?|微信号?|学号|学籍号|准考证号?|考生?号|(?:身份证|证件)号码?|{_HOME_WORDS}"
)
_BETWEEN_CELLS = re.compile("([\t,])")
_HOUSE = "[0-9]{1,5}[A-Za-z]?(?:-[0-9]{1,5}){0,3}"
_NUMERAL = "[甲乙丙丁一二三四五六七八九十百〇零]{1,6}"
_NUMBERED = (
    f"(?:{_HOUSE}(?:号楼|号院|号(?![线口店])|弄|栋|幢|座|单元|楼|室|组|#)"
    f"|{_NUMERAL}(?:号(?![线口店])|弄)|[0-9]{{1,4}}(?:-[0-9]{{1,5}}){{1,3}})"
)
_IN_ADDRESSES = r"[\u4e00-\u9fff0-9A-Za-z() -]"
_PLACED = (
    f"{_IN_ADDRESSES}{{1,30}}?(?:[路街道巷弄里村镇乡庄屯寨坊区苑园院城府湾]|胡同|公寓|大厦)"
    f"[ ]?{_NUMBERED}(?:{_IN_ADDRESSES}{{0,10}}?{_NUMBERED}){{0,4}}"
)
_PART = f"[ ]?(?:{_HOUSE}|{_NUMERAL})(?:号楼|号院|号|弄|栋|幢|座|单元|楼|层)"
_ROOM = (
    f"(?:[路街巷弄里坊苑]|大道|胡同|小区|花园|新村|家园|公寓){_PART}(?:{_PART}){{0,4}}"
    f"(?:[ ]?{_HOUSE}室|(?<=单元)[0-9]{{2,4}}(?![0-9号]))"
)
"""Without a word for a home: what has nothing but numbers between the street and the room."""
_LISTED_ROOM = (
    f"(?:^|(?<=[\\s,:;。]))([^\\s,:;。住在有到从说]{{0,24}}?{_ROOM})(?=[\\s,;。]|$)"
    r"(?![ ]?[\u4e00-\u9fff]{0,8}(?:店|馆|公司|中心|社|局))"
)
_KINDS: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    ("student-number", _shape(r"[GgJjLl][0-9]{17}[0-9Xx]"), _is_student_number),
    (
        "id-number",
        _shape(
            rf"[1-9][0-9]{{5}}{_GAP}(?:18|19|20)[0-9]{{2}}(?:{_GAP}[0-9]{{2}}){{2}}{_GAP}[0-9]{{3}}[0-9Xx]"
            r"|[1-9][0-9]{3}(?:[ -][0-9]{4}){3}[ -][0-9][0-9Xx]",
            before=r"(?<=[A-Za-z])|(?<=[A-Za-z]\.)",
        ),
        _is_id_number,
    ),
    (
        "id-number",
        re.compile(r"残疾人?证[^0-9\n]{0,12}([1-9][0-9]{16}[0-9Xx][0-9]{2})(?![0-9A-Za-z])"),
        _is_disability_card,
    ),
    (
        "id-number",
        re.compile(r"(?:身份证|证件)[^0-9\n]{0,12}([1-9][0-9]{14})(?![0-9A-Za-z])"),
        _is_old_id_number,
    ),
    ("old-id-number", _shape("[1-9][0-9]{14}"), _is_likely_old_id_number),
    (
        "bank-card",
        _shape(r"(?:62|4|5[1-5])[0-9]{2,3}(?:[ -]?[0-9]){11,15}"),
        _is_card,
    ),
    (
        "phone",
        re.compile(
            rf"{_PHONE_WORD}({_PHONE}|1(?: [0-9]){{10}}(?![ ]?[0-9])"
            "|[一二三四五六七八九零〇幺]{11})"
        ),
        _by_its_shape,
    ),
    (
        "phone",
        re.compile(
            rf"(?:(?<![0-9A-Za-z.])(?<![0-9][÷×*^])(?<![^0-9][0-9]/)(?<!^[0-9]/)|{_CALLS})"
            rf"({_PHONE}){_RECKONED}"
        ),
        _counts_nothing,
    ),
    (
        "landline",
        re.compile(
            rf"{_PHONE_WORD}((?:{_AREA})?[2-8][0-9]{{6,7}}|[2-8][0-9]{{2,3}}-[0-9]{{4}})"
            r"(?![0-9A-Za-z]|[-.][0-9])"
        ),
        _by_its_shape,
    ),
    ("landline", _shape("0(?:10|2[0-9])[2-8][0-9]{7}"), _counts_nothing),
    (
        "landline",
        _shape(rf"(?<!-)(?:\({_AREA}\)[ -]?|{_AREA}[ -])[2-8][0-9]{{6,7}}", before=_CALLS),
        _by_its_shape,
    ),
    (
        "email",
        re.compile(
            r"(?<![A-Za-z0-9._%+-])([A-Za-z0-9._%+-]{1,64}@"
            r"(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24})(?![A-Za-z0-9-])"
        ),
        _is_mailbox,
    ),
    (
        "school-number",
        re.compile(
            rf"(?:学籍(?:辅)?号|学号|准考证|考籍号|考生?号){_TO}"
            r"([A-Za-z]{0,3}[0-9]{6,20}[Xx]?)(?![0-9A-Za-z])"
        ),
        _by_its_shape,
    ),
    (
        "qq",
        re.compile(
            rf"(?:(?<![A-Za-z])[Qq][ ]?[Qq]|扣扣)[ ]?(?:群|账号|帐号)?{_TO}([1-9][0-9]{{4,10}})"
            r"(?![0-9A-Za-z.%]|[ ]?[个人万亿元年月名户])"
        ),
        _by_its_shape,
    ),
    (
        "wechat",
        re.compile(
            rf"微信(?:号|账号|帐号|[ ]?[Ii][Dd]){_TO}([A-Za-z][A-Za-z0-9_-]{{5,19}}){_ENDED}"
        ),
        _is_wechat_id,
    ),
    (
        "wechat",
        re.compile(
            r"(?:微信[ ]?:?|[Vv]信[ ]?:?|加我?(?:的)?[ ]?[Vv][Xx]?[ ]?:?"
            r"|(?<![A-Za-z])(?i:wechat|weixin|wx|vx)[ ]?:)"
            rf"[ ]?([a-z][a-z0-9_-]{{5,19}}){_ENDED}(?![ ]?[版端.(])"
        ),
        _is_wechat_id,
    ),
    (
        "wechat",
        re.compile(
            r"(?:微信[ ]?:?|(?<![A-Za-z])(?i:(?:wechat|weixin|wx|vx)(?:[ ]?id|号)?)[ ]?:)[ ]?"
            rf"((?=[A-Za-z]+[0-9_-])[A-Za-z][A-Za-z0-9_-]{{5,19}}){_ENDED}"
        ),
        _by_its_shape,
    ),
    ("wechat", re.compile(rf"(?<![A-Za-z0-9_])(wxid_[a-z0-9]{{6,30}}){_ENDED}"), _by_its_shape),
    ("address", re.compile(f"{_HOME}({_PLACED})"), _by_its_shape),
    ("address", re.compile(f"{_LIVES}({_PLACED})"), _by_its_shape),
    ("address", re.compile(_LISTED_ROOM, re.MULTILINE), _by_its_shape),
)
_NAMED: tuple[tuple[re.Pattern[str], tuple[str, re.Pattern[str], Callable[[str], bool]]], ...] = (
    (
        re.compile(r"护照|護照|passport", re.IGNORECASE),
        # Ordinary (E, before 2012 G), service, diplomatic and public affairs (2019: DE, SE, PE).
        (
            "passport",
            _shape(r"[EGDSP][0-9]{8}|(?:E[A-HJ-NP-Z]|[DSP]E)[0-9]{7}"),
            _by_its_shape,
        ),
    ),
    (
        re.compile(
            r"通行证|通行證|回乡证|回鄉證|台胞证|臺胞證|港澳|台湾|臺灣|permit", re.IGNORECASE
        ),
        # To Hong Kong and Macao (C, W), to Taiwan (L, T), of their residents (H, M, with or without
        # the count of renewals).
        (
            "travel-permit",
            _shape(r"[CWLT][0-9]{8}|[CL][A-HJ-NP-Z][0-9]{7}|[HM](?:[0-9]{8}|[0-9]{10})"),
            _by_its_shape,
        ),
    ),
    (
        re.compile(r"台湾居民来往大陆通行证|臺灣居民來往大陸通行證|台胞证|臺胞證"),
        (
            "travel-permit",
            re.compile(r"(?:通行证|通行證|胞证|胞證)[^0-9\n]{0,12}([0-9]{8})(?![0-9A-Za-z])"),
            _by_its_shape,
        ),
    ),
)
"""Numbers without a check character, by the word that must be somewhere in the text."""

_SHORT = 8
"""Of so few characters one is shown at either end."""


def _masked(text: str) -> str:
    name, at, domain = text.partition("@")
    if at:
        return f"{name[:1]}***@{domain}"
    head, tail = (3, 2) if len(text) > _SHORT else (1, 1)
    return f"{text[:head]}{'*' * (len(text) - head - tail)}{text[-tail:]}"
