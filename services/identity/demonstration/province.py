"""Who and what there is in the demonstration province. All of it is invented.

The codes have the shape of real ones and begin with a real province's digits, as their standards
(GB/T 2260) ask; the divisions and schools that they name do not exist.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from services.identity.domain.client_addresses import ApplicationType
from services.identity.domain.clients import SCOPES, AuthMethod, GrantType, QuotaClass, Terms
from services.identity.domain.organisations import Kind, OfficialCodes
from shared.access import Role

PROVINCE, PROVINCE_NAME, PROVINCE_CODE = "province", "云岭省", "530000"
COMPANY = "company"
CITIES = (
    (
        "临江市",
        ("望江区", ("望江区第一小学", "望江区第一中学")),
        ("石桥县", ("石桥县实验小学", "石桥县初级中学")),
    ),
    (
        "松山市",
        ("翠屏区", ("翠屏区中心小学", "翠屏区育才中学")),
        ("青田县", ("青田县希望小学", "青田县第二中学")),
    ),
)
"""Cities, each with its counties, each with a primary school and a junior middle school."""

CLASSES = {"小学": ("三年级", ("一班", "二班"), 2017), "中学": ("九年级", ("一班",), 2011)}
"""A school's grade, its classes and its pupils' year of birth, by the end of the school's name."""

PUPILS_IN_A_CLASS = 5
FAMILY_NAMES = "李王张刘陈杨赵黄周吴徐孙马朱胡林郭何高罗"
GIVEN_NAMES = (
    "雨桐",
    "子轩",
    "欣怡",
    "浩然",
    "诗涵",
    "宇航",
    "梓萱",
    "博文",
    "思远",
    "佳宁",
    "明哲",
    "若曦",
    "俊杰",
    "晓彤",
    "嘉豪",
    "静雯",
    "天佑",
    "语嫣",
    "志强",
    "秀英",
    "建国",
    "丽华",
    "海燕",
)
SUBJECTS = (("13", "语文"), ("14", "数学"), ("41", "英语"))
"""School subjects that have an expert, by their codes."""

CONSENTED = ("learning-space", "homework")
"""What guardians who consent consent to."""

NO_CODES = OfficialCodes()
SIGN_IN = GrantType.AUTHORIZATION_CODE


@dataclass(frozen=True, slots=True)
class Place:
    """An organisation. ``key`` is what accounts name it by, ``above`` its parent's."""

    key: str
    above: str
    kind: Kind
    name: str
    codes: OfficialCodes = NO_CODES


@dataclass(frozen=True, slots=True)
class Account:
    """A person with one role, held at ``holds_at``, who belongs to ``belongs_to``."""

    username: str
    name: str
    role: Role
    holds_at: str
    belongs_to: str
    kind: Literal["student", "staff", "other"] = "staff"
    subject: str | None = None
    birth_date: date | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """A guardian with a child; ``consents`` says whether the guardian consented."""

    guardian: str
    child: str
    consents: bool


@dataclass(frozen=True, slots=True)
class Application:
    name: str
    purpose: str
    auth_method: AuthMethod
    terms: Terms
    redirect_uris: tuple[str, ...] = ()
    application_type: ApplicationType = ApplicationType.WEB


def _places() -> Sequence[Place]:
    places = [Place(COMPANY, PROVINCE, Kind.COMPANY, "云岭省智学科技有限公司")]
    counties = schools = 0
    for number, (city, *below) in enumerate(CITIES, 1):
        code = f"53{90 + number}"
        places.append(Place(f"city{number}", PROVINCE, Kind.CITY, city, OfficialCodes(f"{code}00")))
        for place, (county, names) in enumerate(below, 1):
            counties += 1
            codes = OfficialCodes(f"{code}0{place}")
            key = f"county{counties}"
            places.append(Place(key, f"city{number}", Kind.COUNTY, county, codes))
            for name in names:
                schools += 1
                places += _school(f"school{schools}", key, name, schools)
    return tuple(places)


def _school(key: str, county: str, name: str, number: int) -> Sequence[Place]:
    grade, rooms, _ = CLASSES[name[-2:]]
    category = "21" if name.endswith("小学") else "31"
    codes = OfficialCodes(school_code=f"{category}53{number:06}")
    return [
        Place(key, county, Kind.SCHOOL, name, codes),
        Place(f"{key}-grade", key, Kind.GRADE, grade),
        *(
            Place(f"{key}-class{place}", f"{key}-grade", Kind.CLASS, f"{grade}{room}")
            for place, room in enumerate(rooms, 1)
        ),
    ]


PLACES = _places()
_SCHOOLS = [each for each in PLACES if each.kind is Kind.SCHOOL]
_CLASSES = [each for each in PLACES if each.kind is Kind.CLASS]
_LEVELS = (PROVINCE, *(p.key for p in PLACES if p.kind in (Kind.CITY, Kind.COUNTY, Kind.SCHOOL)))


def _name(number: int) -> str:
    family = FAMILY_NAMES[number % len(FAMILY_NAMES)]
    return family + GIVEN_NAMES[number * 7 % len(GIVEN_NAMES)]


def _accounts() -> Sequence[Account]:
    found: list[Account] = []

    def add(username: str, role: Role, holds_at: str, belongs_to: str | None = None) -> None:
        place = belongs_to or holds_at
        found.append(Account(username, _name(len(found)), role, holds_at, place))

    for level in _LEVELS:
        add(f"admin-{level}", Role.ADMINISTRATOR, level)
        add(f"reviewer-{level}", Role.REVIEWER, level)
    add("security", Role.SECURITY_ADMINISTRATOR, PROVINCE)
    add("auditor", Role.AUDITOR, PROVINCE)
    add("integrator", Role.INTEGRATOR, COMPANY)
    for subject, _ in SUBJECTS:
        name = _name(len(found))
        found.append(
            Account(
                f"expert-{subject}", name, Role.SUBJECT_EXPERT, PROVINCE, PROVINCE, subject=subject
            )
        )
    for number, room in enumerate(_CLASSES, 1):
        add(f"teacher{number:02}", Role.TEACHER, room.key, room.key.partition("-")[0])
    return (*found, *_pupils(), *_guardians())


def _pupils() -> Sequence[Account]:
    found: list[Account] = []
    years = {school.key: CLASSES[school.name[-2:]][2] for school in _SCHOOLS}
    for room in _CLASSES:
        year = years[room.key.partition("-")[0]]
        for place in range(PUPILS_IN_A_CLASS):
            number = len(found) + 1
            born = date(year, 1 + number % 12, 1 + number % 28)
            key = room.key
            found.append(
                Account(
                    f"pupil{number:02}",
                    _name(100 + 3 * number + place),
                    Role.STUDENT,
                    key,
                    key,
                    "student",
                    birth_date=born,
                )
            )
    return tuple(found)


def _guardians() -> Sequence[Account]:
    """One for the first two pupils of each class, so that others have none yet."""
    return tuple(
        Account(
            f"guardian{number:02}",
            _name(500 + number),
            Role.GUARDIAN,
            room.key,
            room.key,
            "other",
        )
        for number, room in enumerate(_CLASSES, 1)
    )


def _families() -> Sequence[Family]:
    return tuple(
        Family(f"guardian{room:02}", f"pupil{(room - 1) * PUPILS_IN_A_CLASS + place:02}", place < 3)
        for room in range(1, len(_CLASSES) + 1)
        for place in (1, 2, 3)
    )


ACCOUNTS = _accounts()
FAMILIES = _families()
_EXCHANGE = frozenset({GrantType.CLIENT_CREDENTIALS})
_OF_APPLICATIONS = {"integrate", "gateway.introspect", "address"}
APPLICATIONS = (
    Application(
        "书院工作台",
        "演示省各级用户登录使用",
        AuthMethod.NONE,
        Terms(
            frozenset(SCOPES) - _OF_APPLICATIONS,
            frozenset({GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN}),
            trusted=True,
        ),
        ("http://127.0.0.1/callback", "http://[::1]/callback"),
        ApplicationType.NATIVE,
    ),
    Application(
        "智学资源同步",
        "向省平台提供教育资源目录",
        AuthMethod.BASIC,
        Terms(
            frozenset({"integrate", "catalog.read", "catalog.write"}),
            _EXCHANGE,
            quota_class=QuotaClass.STANDARD,
        ),
    ),
    Application(
        "智学组织同步",
        "读取机构目录并提供学习数据",
        AuthMethod.POST,
        Terms(
            frozenset({"integrate", "identity.read", "learning.read"}),
            _EXCHANGE,
            quota_class=QuotaClass.STANDARD,
        ),
    ),
)
