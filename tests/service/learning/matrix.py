"""A target that exists for every operation below ``/learning/v1``, and a request that would succeed
in the right hands. Each part of the service has a table."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.clock import utc_now
from shared.ids import uuid7
from tests.service.learning.courses import Desk, placed, section
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
        told = {**READER, "record_number": str(uuid7())}
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


async def store_events(_desk: Desk) -> Target:
    event = {"id": str(uuid7()), "at": utc_now().isoformat(), "verb": "completed"}
    return Target("/events", {"events": [{**event, "object": "https://lessons.example/1"}]})


RECORDS: Mapping[str, Make] = {"store_events": store_events}

TARGETS: Mapping[str, Make] = {**RECORDS, **SPACES, **COURSES}
