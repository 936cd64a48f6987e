"""Growth archives over HTTP."""

from datetime import timedelta
from typing import Any

import asyncpg
import httpx2
import pypdfium2
import pytest
from fastapi import FastAPI

from services.learning.domain.archive import Term
from shared.civil import civil_date
from shared.clock import utc_now
from shared.ids import uuid7
from tests.service.house import Token
from tests.service.learning.activity import Activity
from tests.service.learning.courses import Desk, placed, section
from tests.service.learning.homework import MARKS, Classroom, due
from tests.service.learning.school import (
    CLASS,
    OTHER_CLASS,
    OTHER_SCHOOL,
    OTHER_SCHOOLS_CLASS,
    SCHOOL,
    School,
)

AWARD = {"title": "校运动会第一名", "text": "女子60米，9秒2。", "day": "2026-10-16"}
COUNTED = ("required", "done", "completed")
REMARK = {"text": "课堂发言积极。"}
TERM = {"term": str(Term.at(civil_date(utc_now())))}


@pytest.fixture
async def desk(
    app: FastAPI, token: Token, anonymous: httpx2.AsyncClient, owner: asyncpg.Connection
) -> Desk:
    school = School(app, token)
    await school.found()
    return Desk(school, anonymous, owner)


def of(person: str, rest: str = "") -> str:
    return f"/learning/v1/people/{person}/archive{rest}"


async def give(desk: Desk, person: str, rest: str, body: dict[str, Any], **others: str) -> Any:
    headers = {**desk.teacher, **others}
    answer = await desk.client.post(of(person, rest), headers=headers, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def read(desk: Desk, person: str) -> Any:
    answer = await desk.client.get(of(person), headers=desk.school.as_(person))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def printed(desk: Desk, person: str) -> str:
    """What the PDF says, without spaces."""
    answer = await desk.client.get(of(person, ".pdf"), headers=desk.school.as_(person))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    assert b"pdfaid:part" in answer.content
    document = pypdfium2.PdfDocument(answer.content)
    shown = "".join(page.get_textpage().get_text_bounded() for page in document)
    return "".join(shown.split())


async def grown(desk: Desk) -> str:
    """A pupil who takes a course, completed it and was praised; returns the id."""
    pupil = await desk.school.enrol()
    taught = await desk.taught(starts_on="2026-09-01", ends_on="2027-01-15")
    (part,) = (await desk.read(taught, desk.teacher, "/sections")).json()["sections"]
    activity = Activity(desk.school, desk.client, desk.owner)
    resource = activity.resource(part["items"][0]["resource_id"])
    points = [activity.point("F-1")]
    await activity.send(
        pupil, object=resource, completion=True, success=True, knowledge_points=points
    )
    await give(desk, pupil, "/awards", AWARD)
    await give(desk, pupil, "/remarks", REMARK)
    return pupil


async def test_an_archive_holds_courses_awards_remarks_and_terms(desk: Desk) -> None:
    pupil = await grown(desk)
    await give(desk, pupil, "/snapshots", TERM)
    told = await read(desk, pupil)
    (course,) = told["courses"]
    assert (course["required"], course["done"], course["completed"]) == (1, 1, True)
    assert course["starts_on"] == "2026-09-01"
    remark, award = told["entries"]
    assert (award["kind"], award["title"], award["day"]) == ("AWARD", AWARD["title"], AWARD["day"])
    assert (remark["kind"], remark["text"], remark["author"]) == (
        "REMARK",
        REMARK["text"],
        desk.subject,
    )
    assert (remark["organisation"], remark["organisation_name"]) == (CLASS, "机构K1")
    assert (told["totals"]["activities"], told["totals"]["passed"]) == (1, 1)
    assert [(each["code"], each["tries"]) for each in told["mastery"]] == [("F-1", 1)]
    (snapshot,) = told["snapshots"]
    assert (snapshot["term"], snapshot["content"]["completed"]) == (TERM["term"], 1)
    assert snapshot["content"]["courses"][0]["title"] == course["title"]
    assert snapshot["content"]["mastery"] == told["mastery"]


async def test_homework_is_in_the_archive_with_its_score_once_that_is_published(
    desk: Desk,
) -> None:
    room = Classroom(desk.school, desk.client, desk.owner, desk.subject)
    pupil = await desk.school.enrol()
    given = await room.assigned(title="分数练习")
    made = await room.handed_in(given, desk.school.as_(pupil, f"student@{CLASS}"))
    made = await room.acted(made, "mark", {"marks": MARKS})
    (homework,) = (await read(desk, pupil))["homework"]
    assert (homework["title"], homework["late"], homework["score"]) == ("分数练习", False, None)
    await room.acted(made, "publish")
    (homework,) = (await read(desk, pupil))["homework"]
    assert (homework["score"], homework["points"]) == (9, 10)
    assert "9/10" in await printed(desk, pupil)


async def test_courses_stay_in_the_archive_after_the_pupil_left_the_class(desk: Desk) -> None:
    pupil, membership = str(uuid7()), uuid7()
    await desk.school.enrol(person=pupil, membership_id=membership)
    taught = await desk.taught()
    await desk.owner.execute("UPDATE course_enrolments SET enrolled_at = '2026-09-02T00:00:00Z'")
    await desk.school.enrol(
        person=pupil, membership_id=membership, what="ended", valid_until="2026-10-01"
    )
    assert [each["id"] for each in (await read(desk, pupil))["courses"]] == [taught["id"]]


async def test_a_course_that_one_never_took_is_not_in_the_archive(desk: Desk) -> None:
    school = desk.school
    left = await school.enrol(valid_until="2026-10-01")
    came = await school.enrol(valid_from="2026-11-01")
    other = await school.enrol(kind="other")
    pupil = await school.enrol()
    ended = await desk.taught(starts_on="2026-09-01", ends_on="2026-10-20")
    early = await school.enrol(valid_until="2099-01-01")
    later = await desk.taught(starts_on="2099-02-01")
    taken = {pupil: {ended["id"], later["id"]}, early: {ended["id"]}, came: {later["id"]}}
    for person in (left, came, other, pupil, early):
        told = {each["id"] for each in (await read(desk, person))["courses"]}
        assert told == taken.get(person, set()), person


async def test_the_owner_and_the_guardians_read_it_and_nobody_else(desk: Desk) -> None:
    pupil, school = await grown(desk), desk.school
    guardian = school.as_(await school.consent(pupil))
    for url in (of(pupil), of(pupil, ".pdf")):
        assert (await desk.client.get(url)).status_code == 401
        for headers in (school.as_(pupil), guardian):
            assert (await desk.client.get(url, headers=headers)).status_code == 200
        for headers in (
            desk.teacher,
            school.someone("administrator"),
            school.as_(await school.enrol()),
            school.as_(await school.consent(await school.enrol())),
        ):
            assert (await desk.client.get(url, headers=headers)).status_code == 404
    audited = await desk.owner.fetchval(
        "SELECT count(*) FROM audit WHERE action = 'archive.read' AND target = $1", pupil
    )
    assert audited == 2


async def test_a_guardian_reads_it_whatever_became_of_the_consent(desk: Desk) -> None:
    pupil, school = await grown(desk), desk.school
    guardian = await school.consent(pupil)
    await school.withdraw(pupil, guardian)
    second = await school.guard(pupil)
    restricted = await school.guard(pupil, restricted=True)
    for rest, reader, status in (
        ("archive", guardian, 200),
        ("progress", guardian, 200),
        ("archive", second, 200),
        ("archive", restricted, 404),
    ):
        url = f"/learning/v1/people/{pupil}/{rest}"
        answer = await desk.client.get(url, headers=school.as_(reader))
        assert answer.status_code == status, (rest, answer.text)


async def test_who_teaches_the_pupil_writes_into_it_and_nobody_else(desk: Desk) -> None:
    pupil, school = await desk.school.enrol(), desk.school
    for rest, body in (("/awards", AWARD), ("/remarks", REMARK), ("/snapshots", TERM)):
        assert (await desk.client.post(of(pupil, rest), json=body)).status_code == 401
        for headers in (
            school.as_(pupil),
            school.someone("teacher", OTHER_CLASS),
            school.someone("administrator", OTHER_SCHOOL),
            school.someone("student", CLASS),
        ):
            answer = await desk.client.post(of(pupil, rest), headers=headers, json=body)
            assert answer.status_code == 404, answer.text
        mine = school.someone("teacher", CLASS)
        answer = await desk.client.post(of(pupil, rest), headers=mine, json=body)
        assert answer.status_code == 201, answer.text


async def test_an_entry_is_withdrawn_by_its_author_or_an_administrator(desk: Desk) -> None:
    pupil = await grown(desk)
    remark, award = (await read(desk, pupil))["entries"]
    first, second = (of(pupil, f"/entries/{each['id']}") for each in (remark, award))
    colleague = desk.school.someone("teacher", CLASS)
    assert (await desk.client.delete(first, headers=colleague)).status_code == 403
    assert (await desk.client.delete(first, headers=desk.teacher)).status_code == 204
    assert (await desk.client.delete(first, headers=desk.teacher)).status_code == 404
    head = desk.school.someone("administrator", SCHOOL)
    elsewhere = of(await desk.school.enrol(), f"/entries/{award['id']}")
    assert (await desk.client.delete(elsewhere, headers=head)).status_code == 404
    assert (await desk.client.delete(second, headers=head)).status_code == 204
    assert (await read(desk, pupil))["entries"] == []


async def test_an_entry_about_a_pupil_who_moved_away_is_withdrawn_where_it_was_given(
    desk: Desk,
) -> None:
    school, membership = desk.school, uuid7()
    pupil = await school.enrol(membership_id=membership)
    urls = [
        of(pupil, f"/entries/{(await give(desk, pupil, '/remarks', REMARK))['id']}")
        for _ in range(2)
    ]
    await school.enrol(
        person=pupil, membership_id=membership, what="ended", valid_until="2026-10-01"
    )
    await school.enrol(OTHER_SCHOOLS_CLASS, person=pupil)
    for url, headers, status in (
        (urls[0], school.someone("teacher", CLASS), 403),
        (urls[0], school.someone("teacher", OTHER_CLASS), 404),
        (urls[0], school.as_(desk.subject), 404),
        (urls[0], school.someone("administrator", OTHER_SCHOOL), 403),
        (urls[0], desk.teacher, 204),
        (urls[1], school.someone("administrator", SCHOOL), 204),
    ):
        answer = await desk.client.delete(url, headers=headers)
        assert answer.status_code == status, answer.text


async def test_a_repeated_remark_is_made_once(desk: Desk) -> None:
    pupil = await desk.school.enrol()
    once = {"idempotency-key": "once"}
    made = [await give(desk, pupil, "/remarks", REMARK, **once) for _ in range(2)]
    assert made[0] == made[1]
    assert len((await read(desk, pupil))["entries"]) == 1


async def test_an_archive_has_a_bounded_number_of_entries(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    pupil = await grown(desk)
    monkeypatch.setattr("services.learning.adapters.archive.MOST_ENTRIES", 2)
    refused = await desk.client.post(of(pupil, "/remarks"), headers=desk.teacher, json=REMARK)
    assert refused.status_code == 409
    assert refused.json()["type"].endswith("learning/archive-full")


async def test_a_term_has_one_snapshot_which_stays_as_it_was(desk: Desk) -> None:
    pupil = await grown(desk)
    await give(desk, pupil, "/snapshots", TERM)
    again = await desk.client.post(of(pupil, "/snapshots"), headers=desk.teacher, json=TERM)
    assert again.status_code == 409
    assert again.json()["type"].endswith("learning/snapshot-taken")
    await Activity(desk.school, desk.client, desk.owner).send(pupil, verb="completed")
    told = await read(desk, pupil)
    assert told["totals"]["completed"] == 2
    assert told["snapshots"][0]["content"]["completed"] == 1


async def test_a_snapshot_that_was_taken_by_mistake_is_withdrawn_by_an_administrator(
    desk: Desk,
) -> None:
    pupil = await desk.school.enrol()
    await give(desk, pupil, "/snapshots", TERM)
    url = of(pupil, f"/snapshots/{TERM['term']}")
    head = desk.school.someone("administrator")
    assert (await desk.client.delete(url)).status_code == 401
    assert (await desk.client.delete(url, headers=desk.teacher)).status_code == 403
    stranger = desk.school.someone("administrator", OTHER_SCHOOL)
    assert (await desk.client.delete(url, headers=stranger)).status_code == 404
    assert (await desk.client.delete(url, headers=head)).status_code == 204
    assert (await desk.client.delete(url, headers=head)).status_code == 404
    await give(desk, pupil, "/snapshots", TERM)


async def test_a_term_that_has_not_begun_or_is_long_over_has_no_snapshot(desk: Desk) -> None:
    pupil = await desk.school.enrol()
    for term, kind in (
        ("2090-1", "term-not-begun"),
        ("2000-1", "term-over"),
        ("2026-3", "invalid-request"),
        ("26-1", "invalid-request"),
    ):
        body = {"term": term}
        answer = await desk.client.post(of(pupil, "/snapshots"), headers=desk.teacher, json=body)
        assert answer.status_code == 422
        assert answer.json()["type"].endswith(kind), answer.text


@pytest.mark.parametrize("day", ["2099-01-01", "0001-01-01"])
async def test_an_award_is_of_a_day_that_was(desk: Desk, day: str) -> None:
    pupil = await desk.school.enrol()
    body = {**AWARD, "day": day}
    answer = await desk.client.post(of(pupil, "/awards"), headers=desk.teacher, json=body)
    assert answer.status_code == 422
    assert answer.json()["type"].endswith("learning/day-refused")


async def test_a_resource_that_was_taken_down_keeps_no_course_from_being_completed(
    desk: Desk,
) -> None:
    pupil, taught = await desk.school.enrol(), await desk.taught()
    (part,) = (await desk.read(taught, desk.teacher, "/sections")).json()["sections"]
    first, second = part["items"][0]["resource_id"], await desk.school.publish()
    await desk.arranged(taught, section(placed(first), placed(second)))
    activity = Activity(desk.school, desk.client, desk.owner)
    await activity.send(pupil, object=activity.resource(first), completion=True)

    async def counted() -> list[dict[str, Any]]:
        (course,) = (await read(desk, pupil))["courses"]
        own = await desk.read(taught, desk.school.as_(pupil), "/completion")
        return [{name: told[name] for name in COUNTED} for told in (course, own.json())]

    assert await counted() == [{"required": 2, "done": 1, "completed": False}] * 2
    for what in ("suspended", "retired"):
        await desk.school.take_down(second, what)
        assert await counted() == [{"required": 1, "done": 1, "completed": True}] * 2
    await desk.school.take_down(first)
    assert await counted() == [{"required": 1, "done": 1, "completed": True}] * 2


async def test_the_words_of_teachers_are_sealed(desk: Desk) -> None:
    await grown(desk)
    rows = await desk.owner.fetch("SELECT * FROM archive_entries")
    assert len(rows) == 2
    for row in rows:
        assert REMARK["text"].encode() not in row["sealed"]
        assert AWARD["title"].encode() not in row["sealed"]


async def test_the_archive_is_printed_in_chinese_on_every_computer(desk: Desk) -> None:
    pupil = await grown(desk)
    await give(desk, pupil, "/snapshots", TERM)
    text = await printed(desk, pupil)
    for said in (
        *("成长档案", AWARD["title"], REMARK["text"], TERM["term"], "F-1", "分数的初步认识"),
    ):
        assert said in text, text


async def test_a_character_that_no_font_has_does_not_keep_an_archive_from_being_printed(
    desk: Desk,
) -> None:
    pupil = await desk.school.enrol()
    await give(desk, pupil, "/remarks", {"text": "𥺊同学 ئۇيغۇر #let x = 1 *_$ \\ 进步"})
    text = await printed(desk, pupil)
    for said in ("〔U+25E8A〕同学", "〔U+06C7〕", "#letx=1*_$\\进步", "姓名"):
        assert said in text, text


async def test_late_homework_is_printed_as_such(desk: Desk) -> None:
    room = Classroom(desk.school, desk.client, desk.owner, desk.subject)
    pupil = await desk.school.enrol()
    own = desk.school.as_(pupil)
    given = await room.assigned(title="分数练习", late_until=due(days=4))
    await room.set_due(given, timedelta(hours=-1))
    await room.handed_in(given, own)
    assert "（迟交）" in await printed(desk, pupil)
