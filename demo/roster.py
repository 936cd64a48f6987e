"""1. A school's roster, a guardian's consent, and everybody signed in."""

import io

from openpyxl import Workbook

from demo.people import Json, Person
from demo.stage import Stage
from demo.steps import Facts, check, until

ADMINISTRATOR, TEACHER, GUARDIAN, PUPIL = "admin-school1", "teacher01", "guardian01", "pupil03"
REVIEWERS = ("reviewer-school1", "reviewer-county1", "reviewer-city1", "reviewer-province")
PURPOSES = ("learning-space", "homework")

_HEADINGS = ("姓名", "性别", "出生日期", "学籍号", "角色", "年级", "班级")
_PUPILS = (
    ("周语晨", "女", "2017-03-05", "G530900201703050011", "学生", "三年级", "一班"),
    ("何子墨", "男", "2017-06-18", "G530900201706180025", "学生", "三年级", "一班"),
    ("林可欣", "女", "2017年13月", "G530900201711020038", "学生", "三年级", "二班"),
)
"""The third was not born in a thirteenth month."""


def roster(stage: Stage) -> Facts:
    administrator = stage.person(ADMINISTRATOR)
    upload = administrator.post("/identity/v1/imports/uploads")
    stage.store("PUT", upload["url"], _workbook())
    begun = administrator.post(
        "/identity/v1/imports",
        {
            "organisation": stage.account(ADMINISTRATOR)["organisation"],
            "format": "xlsx",
            "upload_id": upload["upload_id"],
            "dry_run": True,
        },
    )
    path = f"/identity/v1/imports/{begun['id']}"
    compared = _in_state(administrator, path, "COMPARED")
    check(compared["counts"]["created"] == 2, f"the dry run promised {compared['counts']}")
    lines = administrator.get(f"{path}/rows")["items"]
    [bad] = [each for each in lines if each["outcome"] == "rejected"]
    administrator.act(path, "apply")
    applied = _in_state(administrator, path, "APPLIED")
    check(applied["counts"] == compared["counts"], "it did other than the dry run said")
    [defect] = bad["defects"]
    return {"counts": applied["counts"], "row": bad["row"], "defect": defect["detail"]}


def consent(stage: Stage) -> Facts:
    guardian, child = stage.person(GUARDIAN), stage.person(PUPIL).id
    versions = {
        each["purpose"]: each["version"]
        for each in guardian.get("/identity/v1/consent-purposes")["items"]
        if each["current"]
    }
    path = f"/identity/v1/people/{child}/consents"
    for purpose in PURPOSES:
        guardian.post(path, {"purpose": purpose, "version": versions[purpose]}, 201)
    before = stage.person(PUPIL).claims["scope"].split()
    after = stage.sign_in(PUPIL).claims["scope"].split()
    opened = sorted({*after} - {*before})
    check(opened, "the consent opened nothing")
    return {"purposes": PURPOSES, "the child's token gained": opened}


def sign_in(stage: Stage) -> Facts:
    names = (TEACHER, *REVIEWERS, PUPIL)
    return {name: sorted(stage.person(name).claims["grants"]) for name in names}


def _in_state(person: Person, path: str, state: str) -> Json:
    def there() -> Json:
        told = person.get(path)
        check(told["state"] != "FAILED", f"the import failed: {told['failure']}")
        return told if told["state"] == state else None

    return until(there, f"the import is {state}")


def _workbook() -> bytes:
    book, target = Workbook(), io.BytesIO()
    sheet = book.create_sheet("花名册", 0)
    for row in (_HEADINGS, *_PUPILS):
        sheet.append(row)
    book.save(target)
    return target.getvalue()
