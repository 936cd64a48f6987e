"""A target that exists for every operation below ``/learning/v1``, and a request that would succeed
in the right hands. Each part of the service has a table."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from services.learning.domain.archive import Term
from shared.civil import civil_date
from shared.clock import utc_now
from shared.ids import uuid7
from tests.service.learning.courses import Desk, placed, section
from tests.service.learning.homework import MARKS, MATHS, RIGHT, Classroom
from tests.service.learning.school import CLASS, SCHOOL, organisation_id
from tests.service.learning.test_allowed_applications import READER
from tests.service.learning.test_spaces_announcements import SPORTS

V1 = "/learning/v1"


@dataclass(frozen=True)
class Target:
    """A request's path behind its version, its body, and the path of the organisation that it is
    about."""

    path: str
    body: Any = None
    version: int = 1
    here: str = SCHOOL

    def request(self, headers: Mapping[str, str]) -> dict[str, Any]:
        """What is sent there, beside the caller's `headers`."""
        return {"json": self.body, "headers": {**headers, "if-match": f'"v{self.version}"'}}


Make = Callable[[Desk], Awaitable[Target]]


def at(path: str, body: Any = None, version: int = 1) -> Make:
    """What stands there anyway."""

    async def make(_desk: Desk) -> Target:
        return Target(path, body, version)

    return make


def space(rest: str = "", body: Any = None) -> Make:
    """The school's own."""
    return at(f"/spaces/{organisation_id(SCHOOL)}{rest}", body, version=0)


def announcement(body: Any = None) -> Make:
    """Somebody's, in the school's space."""

    async def make(desk: Desk) -> Target:
        path = f"/spaces/{organisation_id(SCHOOL)}/announcements"
        made = await desk.client.post(f"{V1}{path}", headers=desk.teacher, json=SPORTS)
        assert made.status_code == 201, made.text
        return Target(f"{path}/{made.json()['id']}", body)

    return make


def application(rest: str = "", body: Any = None, *, suspended: bool = False) -> Make:
    """One that the school allows."""

    async def make(desk: Desk) -> Target:
        path = f"/spaces/{organisation_id(SCHOOL)}/applications"
        head = desk.school.someone("administrator")
        told = {**READER, "record_number": f"教APP备{uuid7().int % 10**7:07}号"}
        made = await desk.client.post(f"{V1}{path}", headers=head, json=told)
        assert made.status_code == 201, made.text
        path = f"{path}/{made.json()['id']}"
        if suspended:
            headers = desk.tagged(made.json(), head)
            acted = await desk.client.post(f"{V1}{path}/suspend", headers=headers)
            assert acted.status_code == 200, acted.text
        return Target(f"{path}{rest}", body, 2 if suspended else 1)

    return make


SPACES: Mapping[str, Make] = {
    "list_spaces": at("/spaces"),
    "read_space": space(),
    "change_space": space("", {"introduction": "我们的学校"}),
    "list_space_resources": space("/resources"),
    "arrange_space": space("/resources", {"resources": []}),
    "list_space_members": space("/members"),
    "announce": space("/announcements", SPORTS),
    "list_announcements": space("/announcements"),
    "read_announcement": announcement(),
    "change_announcement": announcement({"pinned": True}),
    "delete_announcement": announcement(),
    "allow_application": space("/applications", READER),
    "list_allowed_applications": space("/applications"),
    "read_allowed_application": application(),
    "change_allowed_application": application("", {"name": "阅读"}),
    "suspend_allowed_application": application("/suspend"),
    "resume_allowed_application": application("/resume", suspended=True),
    "withdraw_allowed_application": application("/withdraw"),
}


def draft(rest: str = "", body: Any = None) -> Make:
    """A draft of somebody's at the school, with a resource."""

    async def make(desk: Desk) -> Target:
        item = placed(await desk.school.publish())
        made = await desk.arranged(await desk.create(), section(item))
        return Target(f"/courses/{made['id']}{rest}", body, made["version"])

    return make


def course(rest: str = "", body: Any = None) -> Make:
    """What a class of the school takes."""

    async def make(desk: Desk) -> Target:
        made = await desk.taught()
        return Target(f"/courses/{made['id']}{rest}", body, made["version"])

    return make


COURSES: Mapping[str, Make] = {
    "create_course": at("/courses", {"title": "课", "organisation": SCHOOL}),
    "list_courses": at(f"/courses?organisation={SCHOOL}"),
    "read_course": course(),
    "change_course": course("", {"title": "新"}),
    "delete_course": draft(),
    "read_course_sections": course("/sections"),
    "arrange_course": course("/sections", {"sections": []}),
    "publish_course": draft("/publish"),
    "archive_course": course("/archive"),
    "copy_course": course("/copies", {"organisation": SCHOOL}),
    "read_course_lineage": course("/lineage"),
    "read_course_completion": course("/completion"),
    "enrol_class": course("/enrolments", {"organisation": CLASS}),
    "list_enrolments": course("/enrolments"),
    "strike_class": course(f"/enrolments/{organisation_id(CLASS)}"),
}


def homework(rest: str = "", body: Any = None, *, assigned: bool = True) -> Make:
    """Somebody's, for a class of the school; or a draft of it."""

    async def make(desk: Desk) -> Target:
        room = Classroom(desk.school, desk.client, desk.owner, desk.subject)
        made = await (room.assigned() if assigned else room.create())
        await desk.school.enrol(person=desk.subject)
        return Target(f"/assignments/{made['id']}{rest}", body, made["version"])

    return make


def submission(rest: str = "", body: Any = None, *, marked: bool = False) -> Make:
    """What a pupil of the class handed in, with a file."""

    async def make(desk: Desk) -> Target:
        room = Classroom(desk.school, desk.client, desk.owner, desk.subject)
        given, pupil = await room.assigned(), await room.pupil()
        made = await room.handed_in(given, pupil)
        file = (await room.announce(given, pupil, b"?")).json()["file_id"]
        await desk.owner.execute(
            "UPDATE homework_files SET submission_id = $1 WHERE id = $2", made["id"], file
        )
        if marked:
            made = await room.acted(made, "mark", {"marks": MARKS})
        path = f"/submissions/{made['id']}{rest.format(file=file)}"
        return Target(path, body, made["version"])

    return make


async def hand_in(desk: Desk) -> Target:
    made = await homework()(desk)
    id_ = made.path.rpartition("/")[2]
    return Target("/submissions", {"assignment_id": id_, "answers": RIGHT})


async def list_submissions(desk: Desk) -> Target:
    made = await homework()(desk)
    return Target(f"/submissions?assignment_id={made.path.rpartition('/')[2]}")


PICTURE = {"item": 3, "name": "图.jpg", "length": 1, "sha256": "0" * 64}
EXERCISE = {
    "title": "练习",
    "organisation": SCHOOL,
    "subject": MATHS,
    "minutes": 5,
    "due_at": "2199-01-01T00:00:00Z",
}
HOMEWORK: Mapping[str, Make] = {
    "create_assignment": at("/assignments", EXERCISE),
    "list_assignments": at(f"/assignments?organisation={SCHOOL}"),
    "read_assignment": homework(),
    "change_assignment": homework("", {"title": "新"}, assigned=False),
    "delete_assignment": homework(assigned=False),
    "assign_homework": homework("/assign", {"classes": [CLASS]}, assigned=False),
    "withdraw_homework": homework("/withdraw"),
    "announce_homework_file": homework("/files", PICTURE),
    "publish_marks": homework("/publish-marks"),
    "read_homework_load": at(f"/homework-load?organisation={CLASS}"),
    "hand_in": hand_in,
    "list_submissions": list_submissions,
    "list_attempts": submission("/attempts"),
    "read_submission": submission(),
    "read_submission_file": submission("/files/{file}"),
    "mark_submission": submission("/mark", {"marks": MARKS}),
    "return_submission": submission("/return", {}),
    "publish_submission": submission("/publish", marked=True),
}


def learner(rest: str, body: Any = None) -> Make:
    """A pupil of the school."""

    async def make(desk: Desk) -> Target:
        return Target(f"/people/{await desk.school.enrol()}/{rest}", body)

    return make


async def archive_entry(desk: Desk) -> Target:
    made = await learner("archive/remarks", {"text": "好"})(desk)
    answer = await desk.client.post(f"{V1}{made.path}", headers=desk.teacher, json=made.body)
    assert answer.status_code == 201, answer.text
    return Target(made.path.replace("remarks", f"entries/{answer.json()['id']}"))


async def take_snapshot(desk: Desk) -> Target:
    term = str(Term.at(civil_date(utc_now())))
    return await learner("archive/snapshots", {"term": term})(desk)


async def withdraw_snapshot(desk: Desk) -> Target:
    made = await take_snapshot(desk)
    answer = await desk.client.post(f"{V1}{made.path}", headers=desk.teacher, json=made.body)
    assert answer.status_code == 201, answer.text
    return Target(f"{made.path}/{answer.json()['term']}")


ARCHIVE: Mapping[str, Make] = {
    "list_progress": learner("progress"),
    "list_mastery": learner("mastery"),
    "read_board": at(f"/organisations/{SCHOOL}/board"),
    "read_archive": learner("archive"),
    "print_archive": learner("archive.pdf"),
    "give_award": learner("archive/awards", {"title": "奖", "text": "好"}),
    "give_remark": learner("archive/remarks", {"text": "好"}),
    "withdraw_entry": archive_entry,
    "take_snapshot": take_snapshot,
    "withdraw_snapshot": withdraw_snapshot,
}


async def store_events(_desk: Desk) -> Target:
    event = {"id": str(uuid7()), "at": utc_now().isoformat(), "verb": "completed"}
    return Target("/events", {"events": [{**event, "object": "https://lessons.example/1"}]})


RECORDS: Mapping[str, Make] = {"store_events": store_events}

TARGETS: Mapping[str, Make] = {**RECORDS, **SPACES, **COURSES, **HOMEWORK, **ARCHIVE}
