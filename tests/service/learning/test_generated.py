"""Requests drawn from the learning service's own OpenAPI document: none is answered otherwise than
the document says."""

from fastapi import FastAPI

from shared.contract import openapi_document
from shared.ids import uuid7
from tests.service.generated import defects, naming
from tests.service.learning.courses import Desk
from tests.service.learning.homework import Classroom
from tests.service.learning.matrix import V1, announcement, application, archive_entry
from tests.service.learning.school import CLASS, SCHOOL, organisation_id
from tests.service.learning.test_matrix import desk

__all__ = ["desk"]

REQUESTS = 4
SECONDS = 6.0


async def test_every_answer_to_a_generated_request_is_one_that_is_documented(
    desk: Desk, app: FastAPI
) -> None:
    school = desk.school
    pupil = await school.enrol()
    callers = {
        "nobody": {},
        "the teacher": school.as_(desk.subject, f"teacher@{SCHOOL}", f"administrator@{SCHOOL}"),
        "a pupil": school.as_(pupil, f"student@{CLASS}"),
    }
    drafted, taught = await desk.create(), await desk.taught()
    room = Classroom(school, desk.client, desk.owner, desk.subject)
    given = await room.assigned()
    handed_in = await room.handed_in(given, school.as_(pupil))
    made = [await each()(desk) for each in (announcement, application)]
    entry = await archive_entry(desk)
    known = {
        "space_id": [str(organisation_id(SCHOOL)), str(organisation_id(CLASS)), pupil],
        "course_id": [drafted["id"], taught["id"]],
        "assignment_id": [given["id"], (await room.create())["id"]],
        "submission_id": [handed_in["id"]],
        "person_id": [pupil, entry.path.split("/")[2]],
        "entry_id": [entry.path.rpartition("/")[2]],
        "announcement_id": [made[0].path.rpartition("/")[2]],
        "application_id": [made[1].path.rpartition("/")[2]],
        "organisation_id": [str(organisation_id(CLASS)), str(uuid7())],
        "organisation": [SCHOOL],
        "person": [pupil],
        "if-match": ['"v0"', '"v1"', '"v2"', '"v3"'],
    }
    document = naming(openapi_document(app), known)
    document["paths"] = {
        path: each for path, each in document["paths"].items() if path.startswith(V1)
    }
    found = await defects(document, desk.client, callers, requests=REQUESTS, seconds=SECONDS)
    assert not found, "\n".join(found)
