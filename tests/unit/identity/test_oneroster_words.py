"""What the rows of a OneRoster package say in words of its vocabulary, and against one another."""

import pytest

from services.identity.domain.imports import Format
from services.identity.domain.rosters import parse_line
from tests.unit.identity.test_oneroster import EVERYBODY, ONEROSTER, package, told
from tests.unit.identity.test_rosters import lines

FIRST_PUPIL = "u1,,true"


@pytest.mark.parametrize(
    "written", ["u1,,FALSE", "u1,,False", "u1,ToBeDeleted,TRUE", "u1,TOBEDELETED,"]
)
def test_the_words_of_oneroster_are_read_in_any_case(written: str) -> None:
    users = ONEROSTER["users"].replace(FIRST_PUPIL, written)
    pupil, *_ = lines(package(**{**ONEROSTER, "users": users}), Format.ONEROSTER)
    assert parse_line(pupil.cells).leaving


def test_a_package_that_another_program_wrote_in_capitals_is_the_same_package() -> None:
    words = {
        "users": {"true": "TRUE", "tobedeleted": "ToBeDeleted"},
        "roles": {"student": "Student", "teacher": "TEACHER", "parent": "Parent"},
        "classes": {",homeroom,": ",Homeroom,", ",scheduled,": ",Scheduled,"},
        "enrollments": {",student": ",Student", ",teacher": ",Teacher"},
        "demographics": {"female": "Female"},
    }
    written = dict(ONEROSTER)
    for table, pairs in words.items():
        for word, other in pairs.items():
            assert word in written[table]
            written[table] = written[table].replace(word, other)
    there, here = (lines(package(**each), Format.ONEROSTER) for each in (written, ONEROSTER))
    assert [parse_line(each.cells) for each in there] == [parse_line(each.cells) for each in here]


@pytest.mark.parametrize(
    ("table", "before", "after", "others", "wrong"),
    [
        (
            *("users", FIRST_PUPIL, "u1,,no", EVERYBODY[1:]),
            "2 status invalid: users.csv 第 2 行：enabledUser 只能是 true、false",
        ),
        (
            *("users", FIRST_PUPIL, "u1,inactive,true", EVERYBODY[1:]),
            "2 status invalid: users.csv 第 2 行：status 只能是 active、tobedeleted",
        ),
        (
            *("roles", "r1,u1,primary,student", "r1,u1,primary,wizard", EVERYBODY[1:]),
            "2 role invalid: roles.csv 第 2 行：role 不是 OneRoster",
        ),
        (
            *("enrollments", "s1,u1,student\ne2", "s1,u1,pupil\ne2", EVERYBODY),
            "3 role invalid: enrollments.csv 第 3 行：role 不是 OneRoster",
        ),
        (
            *("demographics", "female", "alien", EVERYBODY),
            "2 sex invalid: demographics.csv 第 2 行：sex 只能是 male、female、other、unspecified",
        ),
    ],
    ids=["enabledUser", "status", "role", "enrolment", "sex"],
)
def test_a_row_with_any_other_word_is_told_and_not_applied(
    table: str, before: str, after: str, others: list[str], wrong: str
) -> None:
    assert before in ONEROSTER[table]
    *applied, last = told(**{table: ONEROSTER[table].replace(before, after)})
    assert applied == others
    assert last.startswith(wrong)


@pytest.mark.parametrize("written", ["home", ""])
def test_a_class_of_no_known_type_is_told_with_what_refers_to_it(written: str) -> None:
    classes = ONEROSTER["classes"].replace("2班,03,homeroom", f"2班,03,{written}")
    assert told(classes=classes)[3:] == [
        "2 class invalid: classes.csv 第 2 行：classType 只能是 homeroom、scheduled",
        "3 class unknown: enrollments.csv 第 3 行：classSourcedId 在 classes.csv 中没有可用的行",
        "4 class unknown: enrollments.csv 第 4 行：classSourcedId 在 classes.csv 中没有可用的行",
    ]


TWO_SCHOOLS = ONEROSTER["orgs"] + "s2,,,第二小学,school,2132010002,\n"


@pytest.mark.parametrize(
    ("enrolment", "wrong"),
    [
        ("e1,c1,s2,u1,student", "school invalid: {}：schoolSourcedId 不是该班级的学校"),
        ("e1,c1,s1,u1,teacher", "role invalid: {}：该用户在该校没有这一角色，请核对 roles.csv"),
        ("e1,c9,s2,u1,student", "role invalid: {}：该用户在该校没有这一角色，请核对 roles.csv"),
    ],
    ids=["school", "role", "role-elsewhere"],
)
def test_an_enrolment_that_its_class_or_its_user_contradicts_is_told(
    enrolment: str, wrong: str
) -> None:
    enrolments = ONEROSTER["enrollments"].replace("e1,c1,s1,u1,student", enrolment)
    classes = ONEROSTER["classes"] + "c9,,9班,03,homeroom,s2,t1,\n"
    assert told(orgs=TWO_SCHOOLS, classes=classes, enrollments=enrolments) == [
        *EVERYBODY,
        "3 " + wrong.format("enrollments.csv 第 3 行"),
    ]


def test_an_enrolment_of_last_year_at_a_school_since_left_is_nobody_s_mistake() -> None:
    classes = ONEROSTER["classes"].replace("homeroom,s1,t0", "homeroom,s2,t0")
    enrolments = ONEROSTER["enrollments"].replace("e0,c0,s1", "e0,c0,s2")
    assert told(orgs=TWO_SCHOOLS, classes=classes, enrollments=enrolments) == EVERYBODY


def test_staff_are_enrolled_as_administrators_whatever_their_office() -> None:
    roles = ONEROSTER["roles"].replace("u2,primary,teacher", "u2,primary,principal")
    enrolments = ONEROSTER["enrollments"].replace("s1,u2,teacher", "s1,u2,administrator")
    assert told(roles=roles, enrollments=enrolments) == ["李明", "Anna Zhao", "已离"]


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("classes", "c1,,3班,03,homeroom,s1,t1,\n"),
        ("orgs", "s1,,,第二小学,school,2132010002,\n"),
        ("demographics", "u1,2001-01-01,male\n"),
    ],
    ids=["class", "school", "demographics"],
)
def test_of_several_rows_with_one_id_the_first_counts_and_the_others_are_told(
    table: str, row: str
) -> None:
    content = ONEROSTER[table] + row
    number = content.count("\n")
    assert told(**{table: content}) == [
        *EVERYBODY,
        f"{number} None repeated: {table}.csv 第 {number} 行：sourcedId 与第 2 行相同",
    ]
    twice, once = (
        lines(package(**{**ONEROSTER, table: each}), Format.ONEROSTER)[0].cells
        for each in (content, ONEROSTER[table])
    )
    assert twice == once


def test_demographics_of_nobody_are_told() -> None:
    demographics = ONEROSTER["demographics"] + "u9,2015-01-01,male\n"
    assert told(demographics=demographics) == [
        *EVERYBODY,
        "3 None unknown: demographics.csv 第 3 行：sourcedId 在 users.csv 中没有可用的行",
    ]


def test_of_more_than_two_guardians_the_others_are_told() -> None:
    users = ONEROSTER["users"].replace(",u3,03,", ',"u3,u5,u6",03,')
    users += "u5,,true,,芳,王,,,13800138001,,,\nu6,,true,,海,李,,,13800138002,,,\n"
    roles = ONEROSTER["roles"] + "r5,u5,primary,parent,s1\nr6,u6,primary,relative,s1\n"
    *applied, last = told(users=users, roles=roles)
    assert applied == EVERYBODY
    assert last == (
        "2 second_guardian_name invalid: users.csv 第 2 行：agentSourcedIds 超过两位，"
        "只登记前两位，其余请由学校另行登记"
    )
    pupil, *_ = lines(package(**{**ONEROSTER, "users": users, "roles": roles}), Format.ONEROSTER)
    assert [each.name for each in parse_line(pupil.cells).guardians] == ["李强", "王芳"]
