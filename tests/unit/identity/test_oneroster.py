"""OneRoster 1.2 packages as rosters."""

import io
import zipfile
from datetime import timedelta

import pytest

from services.identity.domain.identifiers import IdentifierKind
from services.identity.domain.imports import Format, UnreadableRoster
from services.identity.domain.roster_words import Column, RosterRole
from services.identity.domain.rosters import RosterGuardian, parse_line
from services.identity.domain.staging import Staged, Staging
from shared.civil import civil_date
from shared.clock import utc_now
from tests.unit.identity.test_rosters import ID_NUMBER, lines, refused


def package(**tables: str) -> bytes:
    manifest = "propertyName,value\nmanifest.version,1.0\noneroster.version,1.2\n"
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in {"manifest": manifest, **tables}.items():
            archive.writestr(f"{name}.csv", content)
    return target.getvalue()


ONEROSTER = {
    "orgs": "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\n"
    "s1,,,实验小学,school,2132010001,\n",
    "academicSessions": "sourcedId,title,type,startDate,endDate,schoolYear\n"
    "t1,上学期,term,2026-09-01,2027-01-31,2027\nt0,去年,term,2025-09-01,2026-01-31,2026\n",
    "classes": "sourcedId,status,title,grades,classType,schoolSourcedId,termSourcedIds,subjects\n"
    "c1,,2班,03,homeroom,s1,t1,\nc2,,三年级数学,03,scheduled,s1,t1,数学\n"
    "c0,,1班,02,homeroom,s1,t0,\n",
    "users": "sourcedId,status,enabledUser,username,givenName,familyName,identifier,email,sms,"
    "agentSourcedIds,grades,userMasterIdentifier\n"
    f"u1,,true,li.ming,明,李,,,,u3,03,G{ID_NUMBER}\n"
    "u2,,true,ms.zhao,Anna,Zhao,T-01,zhao@school.example,,,,\n"
    "u3,,true,li.qiang,强,李,,,13800138000,,,\n"
    "u4,tobedeleted,true,gone,离,已,,,,,03,\n",
    "roles": "sourcedId,userSourcedId,roleType,role,orgSourcedId\n"
    "r1,u1,primary,student,s1\nr2,u2,primary,teacher,s1\nr3,u3,primary,parent,s1\n"
    "r4,u4,primary,student,s1\n",
    "enrollments": "sourcedId,classSourcedId,schoolSourcedId,userSourcedId,role\n"
    "e0,c0,s1,u1,student\ne1,c1,s1,u1,student\ne2,c1,s1,u2,teacher\ne3,c2,s1,u2,teacher\n",
    "demographics": "sourcedId,birthDate,sex\nu1,1949-12-31,female\n",
}


def test_a_oneroster_package_becomes_lines() -> None:
    read = lines(package(**ONEROSTER), Format.ONEROSTER)
    assert [each.number for each in read] == [2, 3, 3, 5]
    pupil, home, subject, gone = (parse_line(each.cells) for each in read)
    assert (pupil.name, pupil.grade, pupil.class_name) == ("李明", "三年级", "2班")
    assert pupil.guardians == (RosterGuardian("李强", "13800138000", "other"),)
    assert pupil.school == "2132010001"
    assert {key.kind for key in pupil.keys} == {
        IdentifierKind.USERNAME,
        IdentifierKind.STUDENT_NUMBER,
    }
    assert (home.name, home.role, home.class_name) == ("Anna Zhao", RosterRole.TEACHER, "2班")
    assert subject.subjects == ("14",)
    assert gone.leaving


def test_a_oneroster_parent_with_an_email_alone_is_left_out_and_the_pupil_is_not() -> None:
    users = ONEROSTER["users"].replace(",,,13800138000,,,", ",,li.qiang@example.cn,,,,")
    pupil = parse_line(lines(package(**{**ONEROSTER, "users": users}), Format.ONEROSTER)[0].cells)
    assert (pupil.name, pupil.guardians) == ("李明", ())
    assert pupil.phoneless == (Column.GUARDIAN_PHONE,)


def test_a_oneroster_user_without_a_role_is_reported() -> None:
    roles = ONEROSTER["roles"].replace("r2,u2,primary,teacher,s1\n", "")
    read = lines(package(**{**ONEROSTER, "roles": roles}), Format.ONEROSTER)
    assert [each.number for each in read] == [2, 3, 5]
    assert refused(dict(read[1].cells)) == [(Column.ROLE, "invalid")]


def test_a_oneroster_user_who_is_disabled_or_whose_role_ended_leaves() -> None:
    users = ONEROSTER["users"].replace("u1,,true", "u1,,false")
    roles = (
        ONEROSTER["roles"]
        .replace("orgSourcedId\n", "orgSourcedId,endDate\n")
        .replace("r2,u2,primary,teacher,s1", "r2,u2,primary,teacher,s1,2020-07-01")
    )
    read = lines(package(**{**ONEROSTER, "users": users, "roles": roles}), Format.ONEROSTER)
    assert [parse_line(each.cells).leaving for each in read] == [True, True, True]


def test_a_oneroster_enrolment_that_ended_tells_when() -> None:
    enrolments = ONEROSTER["enrollments"].replace("role\n", "role,status,endDate\n", 1)
    for enrolment, over in {
        "e1,c1,s1,u1,student": ",2020-07-01",
        "e2,c1,s1,u2,teacher": ",2020-07-01",
        "e3,c2,s1,u2,teacher": "tobedeleted,2020-08-01",
    }.items():
        enrolments = enrolments.replace(enrolment, f"{enrolment},{over}")
    read = lines(package(**{**ONEROSTER, "enrollments": enrolments}), Format.ONEROSTER)
    told = [
        (line.name, line.class_name, line.subjects, line.ended_on and line.ended_on.isoformat())
        for line in (parse_line(each.cells) for each in read)
    ]
    assert told[:-1] == [
        ("李明", "2班", (), "2020-07-01"),
        ("李明", None, (), None),
        ("Anna Zhao", "2班", (), "2020-07-01"),
        ("Anna Zhao", None, ("14",), "2020-08-01"),
        ("Anna Zhao", None, (), None),
    ]


def test_a_oneroster_enrolment_that_began_anew_has_not_ended() -> None:
    enrolments = ONEROSTER["enrollments"].replace("role\n", "role,endDate\n", 1)
    enrolments += "e9,c1,s1,u1,student,2020-07-01\n"
    read = lines(package(**{**ONEROSTER, "enrollments": enrolments}), Format.ONEROSTER)
    assert not any(parse_line(each.cells).ended_on for each in read)


@pytest.mark.parametrize("missing", ["users", "orgs", "roles"])
def test_an_incomplete_oneroster_package_is_refused(missing: str) -> None:
    tables = {name: table for name, table in ONEROSTER.items() if name != missing}
    with pytest.raises(UnreadableRoster, match=missing):
        lines(package(**tables), Format.ONEROSTER)


def told(**tables: str) -> list[str]:
    """Of each line its name, or its row and what is wrong with it."""
    staging = Staging()
    taken = map(staging.take, lines(package(**{**ONEROSTER, **tables}), Format.ONEROSTER))
    return [each.line.name if each.line else _wrong(each) for each in taken]


def _wrong(refused: Staged) -> str:
    (defect,) = refused.defects
    return f"{refused.number} {defect.column} {defect.reason}: {defect.detail}"


TORN = "双引号不成对，请删去多余的双引号"
EVERYBODY = ["李明", "Anna Zhao", "Anna Zhao", "已离"]


def test_a_oneroster_user_s_row_that_is_spoilt_keeps_nobody_else_out() -> None:
    users = ONEROSTER["users"] + 'u9,,true,x,"三三,王,,,\n'
    roles = ONEROSTER["roles"] + "r9,u9,primary,student,s1\n"
    enrolments = ONEROSTER["enrollments"] + "e8,c1,s1,u9,student\n"
    assert told(users=users, roles=roles, enrollments=enrolments) == [
        *EVERYBODY,
        f"6 None torn: users.csv 第 6 行：{TORN}",
    ]


@pytest.mark.parametrize("table", ["roles", "enrollments", "demographics", "orgs", "classes"])
def test_a_spoilt_row_that_nobody_depends_on_is_told_by_its_file(table: str) -> None:
    content = ONEROSTER[table] + 'x9,"u1,,,\n'
    number = content.count("\n")
    assert told(**{table: content}) == [
        *EVERYBODY,
        f"{number} None torn: {table}.csv 第 {number} 行：{TORN}",
    ]


def test_what_refers_to_a_spoilt_class_is_told_and_the_pupil_s_line_names_none() -> None:
    classes = ONEROSTER["classes"].replace("c1,,2班", 'c1,,"2班')
    assert told(classes=classes) == [
        *("李明", "Anna Zhao", "已离"),
        f"2 None torn: classes.csv 第 2 行：{TORN}",
        "3 class unknown: enrollments.csv 第 3 行：classSourcedId 在 classes.csv 中没有可用的行",
        "4 class unknown: enrollments.csv 第 4 行：classSourcedId 在 classes.csv 中没有可用的行",
    ]
    tables = {**ONEROSTER, "classes": classes}
    pupil = parse_line(lines(package(**tables), Format.ONEROSTER)[0].cells)
    assert (pupil.grade, pupil.class_name) == ("三年级", None)


def test_whom_a_spoilt_school_s_row_keeps_out_is_told_so() -> None:
    orgs = ONEROSTER["orgs"].replace("实验小学", '"实验小学')
    school = f"school torn: 该学校在 orgs.csv 第 2 行，{TORN}"
    assert told(orgs=orgs) == [
        *(f"{number} {school}" for number in (2, 3, 5)),
        f"2 None torn: orgs.csv 第 2 行：{TORN}",
    ]


NO_SCHOOL = "schoolSourcedId 在 orgs.csv 中没有可用的行"
NO_CLASS = "classSourcedId 在 classes.csv 中没有可用的行"


@pytest.mark.parametrize(
    ("before", "after", "wrong"),
    [
        ("c1,,2班", "c1,,", "class missing: classes.csv 第 2 行：请填写 title"),
        ("homeroom,s1,t1", "homeroom,o7,t1", f"school unknown: classes.csv 第 2 行：{NO_SCHOOL}"),
        ("2班,03", "2班,99", "grade unknown: classes.csv 第 2 行：grades 不是可用的年级代码"),
    ],
    ids=["title", "school", "grade"],
)
def test_a_oneroster_class_that_is_none_is_told_with_what_refers_to_it(
    before: str, after: str, wrong: str
) -> None:
    found = told(classes=ONEROSTER["classes"].replace(before, after))
    assert found[:3] == ["李明", "Anna Zhao", "已离"]
    assert found[3].startswith(f"2 {wrong}")
    assert found[4:] == [
        f"{row} class unknown: enrollments.csv 第 {row} 行：{NO_CLASS}" for row in (3, 4)
    ]


@pytest.mark.parametrize(
    ("after", "wrong"),
    [
        ("e1,c1,o7,u1,student", f"school unknown: enrollments.csv 第 3 行：{NO_SCHOOL}"),
        ("e1,c1,,u1,student", f"school unknown: enrollments.csv 第 3 行：{NO_SCHOOL}"),
        ("e1,c1,s1,u1,wizard", "role invalid: enrollments.csv 第 3 行：role 不是 OneRoster"),
    ],
    ids=["school", "no-school", "role"],
)
def test_a_oneroster_enrolment_that_cannot_be_followed_is_told(after: str, wrong: str) -> None:
    enrolments = ONEROSTER["enrollments"].replace("e1,c1,s1,u1,student", after)
    *others, last = told(enrollments=enrolments)
    assert others == EVERYBODY
    assert last.startswith(f"3 {wrong}")


def test_a_oneroster_user_in_a_grade_that_is_none_is_told() -> None:
    users = ONEROSTER["users"].replace(",u3,03,", ",u3,99,")
    *others, last = told(users=users)
    assert others == EVERYBODY
    assert last.startswith("2 grade unknown: users.csv 第 2 行：grades 不是可用的年级代码")


@pytest.mark.parametrize("table", ["manifest", "academicSessions"])
def test_a_spoilt_row_that_decides_for_everybody_refuses_the_package(table: str) -> None:
    whole = {"manifest": "propertyName,value\noneroster.version,1.2\n", **ONEROSTER}
    tables = {**whole, table: whole[table] + 'x9,"x,,,\n'}
    with pytest.raises(UnreadableRoster, match=rf"{table}.csv 第 [0-9]+ 行"):
        lines(package(**tables), Format.ONEROSTER)


def test_empty_rows_of_a_oneroster_file_are_nobody() -> None:
    assert (
        told(**{name: f"{table}\r\n\r\n,,\r\n" for name, table in ONEROSTER.items()}) == EVERYBODY
    )


def test_oneroster_days_are_compared_as_days_however_they_are_written() -> None:
    yesterday = f"{civil_date(utc_now()) - timedelta(days=1):%Y/%m/%d}"
    roles = (
        ONEROSTER["roles"]
        .replace("orgSourcedId\n", "orgSourcedId,beginDate,endDate\n")
        .replace("u1,primary,student,s1", f"u1,primary,student,s1,{yesterday},2999/7/1")
        .replace("u2,primary,teacher,s1", f"u2,primary,teacher,s1,2020.9.1,{yesterday}")
    )
    read = lines(package(**{**ONEROSTER, "roles": roles}), Format.ONEROSTER)
    assert [each.trouble for each in read] == [None, None, None]
    assert [parse_line(each.cells).leaving for each in read] == [False, True, True]


@pytest.mark.parametrize(
    ("begins", "ends", "wrong"),
    [
        ("2026-13-45", "garbage", "None invalid: {} 第 {} 行：beginDate：没有这一天，请核对日期"),
        ("", "soon", "ended_on invalid: {} 第 {} 行：endDate：日期请写成 2015-09-01 的形式"),
    ],
    ids=["begins", "ends"],
)
def test_what_is_no_day_spoils_its_oneroster_row(begins: str, ends: str, wrong: str) -> None:
    roles = (
        ONEROSTER["roles"]
        .replace("orgSourcedId\n", "orgSourcedId,beginDate,endDate\n")
        .replace("u2,primary,teacher,s1", f"u2,primary,teacher,s1,{begins},{ends}")
    )
    assert told(roles=roles) == ["李明", "已离", f"3 {wrong.format('roles.csv', 3)}"]
    enrolments = (
        ONEROSTER["enrollments"]
        .replace("role\n", "role,beginDate,endDate\n", 1)
        .replace("e1,c1,s1,u1,student", f"e1,c1,s1,u1,student,{begins},{ends}")
    )
    assert told(enrollments=enrolments) == [
        *EVERYBODY,
        f"3 {wrong.format('enrollments.csv', 3)}",
    ]


def test_oneroster_rows_that_refer_to_what_is_not_there_are_told() -> None:
    assert told(
        users=ONEROSTER["users"].replace(",u3,03,", ",u8,03,"),
        roles=ONEROSTER["roles"] + "r6,nobody,primary,student,s1\n",
        enrollments=ONEROSTER["enrollments"] + "e6,c1,s1,nobody,student\ne7,c9,s1,u1,student\n",
    ) == [
        *EVERYBODY,
        "2 guardian_name unknown: users.csv 第 2 行：agentSourcedIds 在 users.csv 中没有可用的行",
        "6 None unknown: roles.csv 第 6 行：userSourcedId 在 users.csv 中没有可用的行",
        "6 None unknown: enrollments.csv 第 6 行：userSourcedId 在 users.csv 中没有可用的行",
        "7 class unknown: enrollments.csv 第 7 行：classSourcedId 在 classes.csv 中没有可用的行",
    ]


def test_oneroster_users_with_another_s_id_or_none_are_refused() -> None:
    users = ONEROSTER["users"] + "u2,,true,ms.qian,Bea,Qian,T-02,,,,,\n,,true,no.id,,,,,,,,\n"
    assert told(users=users) == [
        *EVERYBODY,
        "6 None repeated: users.csv 第 6 行：sourcedId 与第 3 行相同",
        "7 None missing: users.csv 第 7 行：请填写 sourcedId",
    ]
