"""OneRoster 1.2 CSV (1EdTech, CSV Binding 1.2.1) as a roster.

A user becomes a line for each school, home class and subject; homerooms are classes (行政班) here,
other classes tell a teacher's subjects. Guardians are the users that a pupil names as agents. Of
several school years the latest counts. Who is no longer enabled, or whose role has ended, leaves;
an enrolment that has ended becomes a line of its own, before the others, that ends what it began.
A user without a role becomes a line that is refused, and so is reported. A row that cannot be
followed, has a word that is none of the vocabulary's, or contradicts another row becomes a refused
line behind the others, with its number in its own file, and so does a row that refers to it; whom a
spoilt school's row keeps out is told so. A pupil of a class whose row is spoilt is read without a
class. School years, of which the latest decides for everybody, must be whole. What has no place in
a roster is passed over: courses, resources, results.
"""

import io
import re
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain

from services.identity.adapters.oneroster_words import (
    GRADES,
    GUARDIANS,
    ROLES,
    SEXES,
    VOCABULARIES,
    grade,
    is_unknown_grade,
)
from services.identity.adapters.roster_records import Torn, records
from services.identity.domain.imports import MAX_LINES, RosterLine, Trouble, UnreadableRoster
from services.identity.domain.roster_words import Column
from services.identity.domain.rosters import GUARDIAN_COLUMNS, NO_PHONE, Defect, Spoilt, parse_day
from shared.civil import civil_date
from shared.clock import utc_now

Record = Mapping[str, str]

_VERSION = "1.2"
_MAX_RECORDS = 3 * MAX_LINES
_NEEDED = ("manifest", "users", "roles", "orgs")
_WHOLE = frozenset({"manifest", "academicSessions"})
_NO_ROLE: Record = defaultdict(str)
_TORN = "双引号不成对，请删去多余的双引号"
_UNKNOWN_GRADE = f"grades 不是可用的年级代码：请填写 {'、'.join(GRADES)}，或学校的年级名称"
_MORE_GUARDIANS = "agentSourcedIds 超过两位，只登记前两位，其余请由学校另行登记"
_OTHER_SCHOOL = "schoolSourcedId 不是该班级的学校"
_OTHER_ROLE = "该用户在该校没有这一角色，请核对 roles.csv"
_REFERENCES = {
    "sourcedId": (None, "users.csv"),
    "userSourcedId": (None, "users.csv"),
    "classSourcedId": (Column.CLASS, "classes.csv"),
    "schoolSourcedId": (Column.SCHOOL, "orgs.csv"),
}
"""The column of a roster that a reference stands for, and the file that it leads to."""
_SHAPES = {
    Column.STUDENT_NUMBER: re.compile("G[0-9]{17}[0-9X]|[JL][0-9]{18}", re.IGNORECASE),
    Column.ID_NUMBER: re.compile("[0-9]{17}[0-9X]", re.IGNORECASE),
}


def read_oneroster(content: bytes) -> Iterator[RosterLine]:
    """The lines of an archive whose size was checked. Raises `UnreadableRoster`."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            package = _Package(archive)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise UnreadableRoster("文件不是有效的 ZIP 压缩包，可能没有传完") from error
    yield from package.lines()


class _Package:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._today = civil_date(utc_now()).isoformat()
        self._names = set(archive.namelist())
        self._spoilt: list[RosterLine] = []
        # By file and id the numbers of rows that are told, so that what refers to a user is not.
        self._lost: dict[str, dict[str, int]] = defaultdict(dict)
        for name in _NEEDED:
            if f"{name}.csv" not in self._names:
                raise UnreadableRoster(f"压缩包中缺少 {name}.csv：不是完整的 OneRoster 1.2 数据包")
        manifest = {each["propertyName"]: each["value"] for each in self._table("manifest")}
        if manifest.get("oneroster.version") != _VERSION:
            raise UnreadableRoster("manifest.csv 中的 oneroster.version 应为 1.2")
        self._users = dict(self._identified("users"))
        self._by_id = {user["sourcedId"]: user for user in self._users.values()}
        self._check_users()
        self._orgs = {each["sourcedId"]: each for _, each in self._identified("orgs")}
        self._births = self._demographics()
        self._schools = {"schoolSourcedId": self._orgs.keys() | self._lost["orgs"].keys()}
        classes = self._usable_classes()
        self._classes = self._of_this_year(classes)
        self._roles = self._grouped("roles", {})
        known = {"classSourcedId": {each["sourcedId"] for each in classes}, **self._schools}
        self._enrolments = self._grouped("enrollments", known)

    def _table(self, name: str) -> list[Record]:
        return [each for _, each in self._numbered(name)]

    def _numbered(self, name: str) -> Iterator[tuple[int, Record]]:
        """The rows that are not empty, with their numbers in the file."""
        if f"{name}.csv" not in self._names:
            return
        try:
            text = self._archive.read(f"{name}.csv").decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise UnreadableRoster(f"{name}.csv 不是有效的 UTF-8 CSV 文件") from error
        rows = records(text, ",")
        header: list[str] = []
        for number, row in enumerate(rows, start=1):
            told = {
                key: cell for key, each in zip(header, row, strict=False) if (cell := each.strip())
            }
            if number > _MAX_RECORDS:
                raise UnreadableRoster(f"{name}.csv 行数过多：请按学校拆分")
            if isinstance(row, Torn):
                if not header or name in _WHOLE:
                    raise UnreadableRoster(
                        f"{name}.csv 第 {number} 行的双引号不成对：请更正后重新导入"
                    )
                self._spoil(name, number, None, "torn", _TORN)
                if "sourcedId" in told:
                    self._lost[name][told["sourcedId"]] = number
            elif not header:
                header = [cell.strip() for cell in row]
            elif told:
                yield number, defaultdict(str, told)

    def _spoil(
        self, name: str, number: int, column: Column | None, reason: str, detail: str
    ) -> None:
        defect = Defect(column, reason, f"{name}.csv 第 {number} 行：{detail}")
        self._spoilt.append(RosterLine(number, Spoilt(defect)))

    def _worded(self, name: str, number: int, row: Record) -> Record | None:
        """The row with the words of the vocabulary as it writes them; None if one is no word."""
        words: dict[str, str] = {}
        for each in VOCABULARIES.get(name, ()):
            word = each.word(row[each.key])
            if word is None:
                self._spoil(name, number, each.column, "invalid", each.advice)
                return None
            words[each.key] = word
        return defaultdict(str, {**row, **words})

    def _identified(self, name: str) -> Iterator[tuple[int, Record]]:
        """Of several rows with one id the first; the others, and those without, are spoilt."""
        found: dict[str, int] = {}
        for number, row in self._numbered(name):
            sourced_id = row["sourcedId"]
            if not sourced_id:
                self._spoil(name, number, None, "missing", "请填写 sourcedId")
            elif sourced_id in found:
                detail = f"sourcedId 与第 {found[sourced_id]} 行相同"
                self._spoil(name, number, None, "repeated", detail)
            else:
                found[sourced_id] = number
                if worded := self._worded(name, number, row):
                    yield number, worded
                else:
                    self._lost[name][sourced_id] = number

    def _check_users(self) -> None:
        """Tell what is left out of users who are read all the same."""
        for number, user in self._users.items():
            agents = _listed(user["agentSourcedIds"])
            for agent in agents:
                if agent not in self._by_id and agent not in self._lost["users"]:
                    detail = "agentSourcedIds 在 users.csv 中没有可用的行"
                    self._spoil("users", number, Column.GUARDIAN_NAME, "unknown", detail)
            if sum(agent in self._by_id for agent in agents) > len(GUARDIAN_COLUMNS):
                column = Column.SECOND_GUARDIAN_NAME
                self._spoil("users", number, column, "invalid", _MORE_GUARDIANS)
            if is_unknown_grade(user["grades"]):
                self._spoil("users", number, Column.GRADE, "unknown", _UNKNOWN_GRADE)
                self._users[number] = defaultdict(str, {**user, "grades": ""})

    def _demographics(self) -> Mapping[str, Record]:
        known = {"sourcedId": self._by_id}
        return {
            each["sourcedId"]: each
            for number, each in self._identified("demographics")
            if each["sourcedId"] not in self._lost["users"]
            and self._refers("demographics", number, each, known)
        }

    def _usable_classes(self) -> Sequence[Record]:
        usable = []
        for number, each in self._identified("classes"):
            if not each["title"]:
                self._spoil("classes", number, Column.CLASS, "missing", "请填写 title")
            elif is_unknown_grade(each["grades"]):
                self._spoil("classes", number, Column.GRADE, "unknown", _UNKNOWN_GRADE)
            elif self._refers("classes", number, each, self._schools):
                usable.append(each)
        return usable

    def _grouped(
        self, name: str, known: Mapping[str, Collection[str]]
    ) -> Mapping[str, Sequence[Record]]:
        """By user, and among them who has spoilt rows alone. ``known`` are the ids that a column
        may refer to."""
        groups: dict[str, list[Record]] = defaultdict(list)
        for number, row in self._numbered(name):
            if row["userSourcedId"] in self._lost["users"]:
                continue
            of_user = groups[row["userSourcedId"]]
            each = self._worded(name, number, row)
            if each and self._refers(name, number, each, {"userSourcedId": self._by_id, **known}):
                dated = self._dated(name, number, each)
                if dated and (name != "enrollments" or self._agrees(number, dated)):
                    of_user.append(dated)
        return groups

    def _agrees(self, number: int, enrolment: Record) -> bool:
        """Whether a class of this year is at the enrolment's school, and the user has the role
        there. Of a user without any usable role that is told, and nothing else."""
        class_ = self._classes.get(enrolment["classSourcedId"])
        if class_ is None:
            return True
        if class_["schoolSourcedId"] != enrolment["schoolSourcedId"]:
            self._spoil("enrollments", number, Column.SCHOOL, "invalid", _OTHER_SCHOOL)
            return False
        roles = self._roles.get(enrolment["userSourcedId"], ())
        if roles and not any(_is_in_role(enrolment, each) for each in roles):
            self._spoil("enrollments", number, Column.ROLE, "invalid", _OTHER_ROLE)
            return False
        return True

    def _refers(
        self, name: str, number: int, row: Record, known: Mapping[str, Collection[str]]
    ) -> bool:
        """Whether what the row refers to is in the package."""
        for key, ids in known.items():
            if row[key] not in ids:
                column, file = _REFERENCES[key]
                self._spoil(name, number, column, "unknown", f"{key} 在 {file} 中没有可用的行")
                return False
        return True

    def _dated(self, name: str, number: int, row: Record) -> Record | None:
        """The row with its days in the form in which they compare; None if they are none."""
        days: dict[str, str] = {}
        for key, column in (("beginDate", None), ("endDate", Column.ENDED_ON)):
            if not row[key]:
                continue
            try:
                days[key] = parse_day(row[key]).isoformat()
            except ValueError as error:
                self._spoil(name, number, column, "invalid", f"{key}：{error}")
                return None
        return defaultdict(str, {**row, **days})

    def _of_this_year(self, classes: Iterable[Record]) -> Mapping[str, Record]:
        years = {each["sourcedId"]: each["schoolYear"] for each in self._table("academicSessions")}
        latest = max(years.values(), default="")
        found = {}
        for each in classes:
            terms = [years.get(term.strip(), latest) for term in each["termSourcedIds"].split(",")]
            if each["status"] != "tobedeleted" and latest in terms:
                found[each["sourcedId"]] = each
        return found

    def lines(self) -> Iterator[RosterLine]:
        for found, line in enumerate(chain(self._of_users(), self._spoilt), start=1):
            if found > MAX_LINES:
                raise UnreadableRoster(f"一个文件最多 {MAX_LINES} 行：请按学校拆分")
            yield line

    def _of_users(self) -> Iterator[RosterLine]:
        for number, user in self._users.items():
            for role in self._roles.get(user["sourcedId"], (_NO_ROLE,)):
                torn = self._lost["orgs"].get(role["orgSourcedId"])
                if torn and role["role"] not in GUARDIANS:
                    detail = f"该学校在 orgs.csv 第 {torn} 行，{_TORN}"
                    yield RosterLine(number, Spoilt(Defect(Column.SCHOOL, "torn", detail)))
                    continue
                trouble = Trouble.NOT_YET if role["beginDate"] > self._today else None
                for cells in self._of(user, role):
                    told = {at: text for at, text in cells.items() if text}
                    yield RosterLine(number, told, trouble)

    def _of(self, user: Record, role: Record) -> Iterator[dict[Column, str]]:
        if role["role"] in GUARDIANS:
            return
        word = ROLES.get(role["role"], "-")
        leaving = (
            "tobedeleted" in (user["status"], role["status"])
            or user["enabledUser"] == "false"
            or self._ended(role)
        )
        cells = {
            **self._personal(user, staff=word != "学生"),
            Column.ROLE: word,
            Column.SCHOOL: self._school(role["orgSourcedId"]),
            Column.STATUS: "离校" if leaving else "",
        }
        if not leaving:
            yield from ({**cells, **place} for place in self._left(user, role))
        if word == "学生":
            yield {**cells, **self._guardians(user), **self._home_class(user, role)}
        elif word == "教师" and not leaving:
            yield from ({**cells, **place} for place in self._teaching(user, role))
        else:
            yield cells

    def _ended(self, record: Record) -> bool:
        return "" < record["endDate"] <= self._today

    def _personal(self, user: Record, *, staff: bool) -> dict[Column, str]:
        born = self._births.get(user["sourcedId"], {})
        cells = {
            Column.NAME: _name(user),
            Column.SEX: SEXES.get(born.get("sex", ""), ""),
            Column.BIRTH_DATE: born.get("birthDate", ""),
            Column.USERNAME: user["username"],
            Column.EMAIL: user["email"],
            Column.PHONE: user["sms"] or user["phone"],
        }
        if staff:
            cells[Column.STAFF_NUMBER] = user["identifier"]
        known = [user["identifier"], user["userMasterIdentifier"]]
        known += [each.partition(":")[2] for each in re.findall(r"{([^{}]*)}", user["userIds"])]
        for text in known:
            for column, shape in _SHAPES.items():
                if shape.fullmatch(text.strip()):
                    cells[column] = text.strip()
        return cells

    def _school(self, sourced_id: str) -> str:
        org = self._orgs.get(sourced_id)
        if org is None:
            return sourced_id
        return org["identifier"] if re.fullmatch("[0-9]{10}", org["identifier"]) else org["name"]

    def _guardians(self, user: Record) -> dict[Column, str]:
        agents = map(self._by_id.get, _listed(user["agentSourcedIds"]))
        cells: dict[Column, str] = {}
        for (name, phone, _), agent in zip(GUARDIAN_COLUMNS, filter(None, agents), strict=False):
            cells |= {name: _name(agent), phone: agent["sms"] or agent["phone"] or NO_PHONE}
        return cells

    def _enrolled(self, user: Record, role: Record) -> Iterator[tuple[Record, str]]:
        """Classes, with the day on which it was over with them, or nothing."""
        for each in self._enrolments.get(user["sourcedId"], ()):
            present = self._classes.get(each["classSourcedId"])
            if _is_in_role(each, role) and present is not None and each["beginDate"] <= self._today:
                deleted = each["status"] == "tobedeleted"
                over = self._ended(each) or deleted
                ended_on = min(each["endDate"] or self._today, self._today)
                yield present, ended_on if over else ""

    def _present(self, user: Record, role: Record) -> list[Record]:
        return [each for each, ended_on in self._enrolled(user, role) if not ended_on]

    def _left(self, user: Record, role: Record) -> Iterator[dict[Column, str]]:
        """Homerooms and subjects that are over, and were not begun anew."""
        present = self._present(user, role)
        homes = {(each["grades"], each["title"]) for each in present if _is_home(each)}
        taught = {word for each in present for word in _subjects(each)}
        for each, ended_on in self._enrolled(user, role):
            if not ended_on:
                continue
            if _is_home(each) and (each["grades"], each["title"]) not in homes:
                yield {**_home(each, user), Column.ENDED_ON: ended_on}
            over = [word for word in _subjects(each) if word not in taught]
            if over and role["role"] == "teacher":
                yield {Column.SUBJECT: "、".join(over), Column.ENDED_ON: ended_on}

    def _home_class(self, user: Record, role: Record) -> dict[Column, str]:
        for each in self._present(user, role):
            if _is_home(each):
                return _home(each, user)
        return {Column.GRADE: grade(user["grades"])}

    def _teaching(self, user: Record, role: Record) -> Iterator[dict[Column, str]]:
        subjects: dict[str, None] = {}
        homerooms = 0
        for each in self._present(user, role):
            subjects |= dict.fromkeys(_subjects(each))
            if _is_home(each):
                homerooms += 1
                yield {Column.GRADE: grade(each["grades"]), Column.CLASS: each["title"]}
        if subjects or not homerooms:
            yield {Column.SUBJECT: "、".join(subjects)}


def _listed(cell: str) -> list[str]:
    return [word for each in cell.split(",") if (word := each.strip())]


def _is_in_role(enrolment: Record, role: Record) -> bool:
    """Whether a user is enrolled in that role at that school; staff are staff in any office."""
    same_school = enrolment["schoolSourcedId"] == role["orgSourcedId"]
    return same_school and ROLES.get(enrolment["role"]) == ROLES.get(role["role"])


def _is_home(class_: Record) -> bool:
    return class_["classType"] == "homeroom"


def _home(class_: Record, user: Record) -> dict[Column, str]:
    return {Column.GRADE: grade(class_["grades"] or user["grades"]), Column.CLASS: class_["title"]}


def _subjects(class_: Record) -> list[str]:
    """What is taught in a class that is no homeroom."""
    return [] if _is_home(class_) else _listed(class_["subjects"])


def _name(user: Record) -> str:
    family, given = user["familyName"], user["givenName"]
    if f"{family}{given}".isascii():
        return f"{given} {family}".strip()
    return f"{family}{given}"
