import importlib
import pkgutil
import string
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import FastAPI, Header, Query
from pydantic import AfterValidator, BaseModel, Field
from pydantic_core import PydanticKnownError, core_schema

from shared import errors, problems
from shared.context import RequestContext, acting
from shared.defects import CHINESE
from shared.edge import Edge
from shared.errors import DomainError
from shared.problems import COMMON, Problem, ProblemTable
from shared.services import PACKAGES, SERVICES


class SeatTaken(DomainError):
    pass


class SeatTakenByGhost(SeatTaken):
    pass


class Forgotten(DomainError):
    pass


TABLE: ProblemTable = {SeatTaken: Problem("test/seat-taken", 409, "Taken", "已被占用")}


def _quiet(coach: str) -> str:
    if coach == "loud":
        raise ValueError("Choose a quiet coach.", "请选择安静车厢。")
    if coach == "full":
        raise ValueError("That coach is full.")
    return coach


class Seat(BaseModel):
    row: Annotated[int, Field(ge=1)]
    holder: dict[str, Annotated[str, Field(max_length=4)]] = {}
    coach: Annotated[str, AfterValidator(_quiet)] = ""


def application() -> FastAPI:
    app = FastAPI(redirect_slashes=False)
    raised: dict[str, Exception] = {
        "taken": SeatTaken("Choose another seat.", zh="请另选座位。", row=7),
        "english": SeatTaken("Choose another seat."),
        "ghost": SeatTakenByGhost(),
        "missing": errors.NotFound(),
        "busy": errors.Unavailable("Wait a little.", retry_after=7),
        "stranger": errors.Unauthenticated("Send a token."),
        "forgotten": Forgotten(),
    }

    @app.get("/raise/{name}")
    async def fail(name: str) -> None:
        raise raised[name]

    @app.post("/seats")
    async def book(
        seat: Seat,
        floor: Annotated[int, Query(ge=0)],
        x_class: Annotated[str, Header(max_length=3)] = "",
    ) -> None:
        pass

    problems.install(app, TABLE)
    app.add_middleware(Edge, service="test", max_body_bytes=4096)
    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(application(), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


def descendants(error: type[DomainError]) -> Iterator[type[DomainError]]:
    for child in error.__subclasses__():
        yield child
        yield from descendants(child)


def errors_of(package: str) -> list[type[DomainError]]:
    """Every domain error that `package` defines, in whatever module it stands."""
    root = importlib.import_module(package)
    for module in pkgutil.walk_packages(root.__path__, f"{package}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return [
        error
        for error in descendants(DomainError)
        if error.__module__ == package or error.__module__.startswith(f"{package}.")
    ]


def is_mapped(error: type[DomainError], table: ProblemTable) -> bool:
    return any(kind in table for kind in error.__mro__)


def test_every_error_of_the_house_has_its_answer() -> None:
    found = errors_of("shared")
    assert errors.NotFound in found
    assert [error for error in found if not is_mapped(error, COMMON)] == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_error_of_a_service_has_its_answer(service: str) -> None:
    found = errors_of(PACKAGES[service])
    table: ProblemTable = importlib.import_module(f"{PACKAGES[service]}.problems").PROBLEMS
    unmapped = [error for error in found if not is_mapped(error, {**COMMON, **table})]
    assert unmapped == [], "give each a line in the service's problems.py"


@pytest.mark.parametrize("service", SERVICES)
def test_no_two_problems_share_a_type_and_each_names_its_service(service: str) -> None:
    table: ProblemTable = importlib.import_module(f"{PACKAGES[service]}.problems").PROBLEMS
    slugs = [problem.slug for problem in [*COMMON.values(), *table.values()]]
    assert len(slugs) == len(set(slugs))
    assert all(problem.slug.startswith(f"{service}/") for problem in table.values())
    assert all(400 <= problem.status <= 599 for problem in table.values())


@pytest.mark.parametrize(
    ("language", "title", "detail"),
    [("zh", "已被占用", "请另选座位。"), ("en", "Taken", "Choose another seat.")],
)
async def test_a_problem_is_told_in_the_language_of_the_caller(
    client: httpx2.AsyncClient, language: str, title: str, detail: str
) -> None:
    headers = {"accept-language": language, "x-request-id": "request-0001"}
    answer = await client.get("/raise/taken", headers=headers)
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-language"] == language
    assert answer.json() == {
        "type": "urn:shuyuan:problem:test/seat-taken",
        "title": title,
        "status": 409,
        "detail": detail,
        "row": 7,
        "request_id": "request-0001",
    }


async def test_a_detail_in_one_language_is_told_to_everyone(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/raise/english", headers={"accept-language": "zh"})
    assert answer.json()["detail"] == "Choose another seat."


async def test_an_error_without_an_entry_is_told_as_the_one_it_specialises(
    client: httpx2.AsyncClient,
) -> None:
    answer = await client.get("/raise/ghost")
    assert answer.json()["type"] == "urn:shuyuan:problem:test/seat-taken"


async def test_an_error_that_nobody_mapped_is_a_plain_500(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/raise/forgotten")
    assert answer.status_code == 500
    assert answer.json()["type"] == "urn:shuyuan:problem:unexpected"


async def test_a_caller_is_told_when_to_come_back(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/raise/busy")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")


async def test_a_caller_without_a_token_is_told_which_scheme_is_spoken(
    client: httpx2.AsyncClient,
) -> None:
    answer = await client.get("/raise/stranger")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="shuyuan"'


async def test_every_defect_is_told_at_once_with_its_place(client: httpx2.AsyncClient) -> None:
    body = {"row": 0, "holder": {"a/b": "too long", "m~n": "too long", "姓名": "too long"}}
    answer = await client.post("/seats?floor=-1", json=body, headers={"x-class": "longer"})
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:shuyuan:problem:invalid-request"
    defects = answer.json()["errors"]
    assert all(defect["detail"] for defect in defects)
    assert [defect.get("pointer") or (defect["in"], defect["parameter"]) for defect in defects] == [
        ("query", "floor"),
        ("header", "x-class"),
        "#/row",
        "#/holder/a~1b",
        "#/holder/m~0n",
        "#/holder/%E5%A7%93%E5%90%8D",
    ]


@pytest.mark.parametrize(
    ("language", "body", "detail"),
    [
        ("zh", {}, "缺少此项"),
        ("en", {}, "Field required"),
        ("zh", {"row": 0}, "不得小于 1"),
        ("zh", {"row": 1, "holder": {"a": "too long"}}, "最多 4 个字符"),
        ("zh", {"row": 1, "coach": "loud"}, "请选择安静车厢。"),
        ("en", {"row": 1, "coach": "loud"}, "Choose a quiet coach."),
        ("zh", {"row": 1, "coach": "full"}, "That coach is full."),
    ],
)
async def test_a_defect_is_told_in_the_language_of_the_caller(
    client: httpx2.AsyncClient, language: str, body: dict[str, object], detail: str
) -> None:
    headers = {"accept-language": language}
    answer = await client.post("/seats?floor=0", json=body, headers=headers)
    assert [defect["detail"] for defect in answer.json()["errors"]] == [detail]


@pytest.mark.parametrize("kind", CHINESE)
def test_a_defect_told_in_chinese_names_nothing_that_pydantic_does_not_tell(
    kind: core_schema.ErrorType,
) -> None:
    limits = ("min_length", "max_length", "gt", "ge", "lt", "le", "multiple_of")
    words = ("pattern", "expected", "expected_schemes", "field_type", "class_name", "error")
    known: dict[str, Any] = {**dict.fromkeys(limits, 1), **dict.fromkeys(words, "")}
    template = PydanticKnownError(kind, {**known, "actual_length": 0}).message_template
    assert fields(CHINESE[kind]) <= fields(template)


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


async def test_a_defect_does_not_repeat_what_was_sent(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/seats?floor=0", json={"row": "110105194912310021x"})
    assert "110105194912310021" not in answer.text


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [
        (b"", 422, "invalid-request"),
        (b"null", 422, "invalid-request"),
        (b"[]", 422, "invalid-request"),
        (b"{", 400, "malformed-request"),
        (b"\xff\xfe", 400, "malformed-request"),
        (b"[" * 4000, 400, "malformed-request"),
    ],
)
async def test_a_body_that_cannot_be_read_is_told_apart_from_a_wrong_one(
    client: httpx2.AsyncClient, body: bytes, status: int, slug: str
) -> None:
    headers = {"content-type": "application/json"}
    answer = await client.post("/seats?floor=0", content=body, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:shuyuan:problem:{slug}")


@pytest.mark.parametrize("told", ["text/plain", "application/x-www-form-urlencoded", None])
async def test_json_that_does_not_say_so_is_told_how_to_be_sent(
    client: httpx2.AsyncClient, told: str | None
) -> None:
    headers = {"content-type": told} if told else {}
    answer = await client.post("/seats", content='{"row": 1}', headers=headers)
    assert answer.status_code == 415
    assert "Content-Type: application/json" in answer.json()["detail"]


async def test_json_in_another_charset_is_told_to_be_sent_as_utf_8(
    client: httpx2.AsyncClient,
) -> None:
    headers = {"content-type": "application/json; charset=gbk"}
    body = '{"holder": {"1": "张伟"}}'.encode("gbk")
    answer = await client.post("/seats?floor=0", content=body, headers=headers)
    assert answer.status_code == 400
    assert "UTF-8" in answer.json()["detail"]


async def test_no_body_is_a_defect_and_no_other_media_type(client: httpx2.AsyncClient) -> None:
    assert (await client.post("/seats")).status_code == 422


async def test_an_unknown_path_is_not_found(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/nowhere", headers={"accept-language": "en"})
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["title"]) == (404, "Not found")


async def test_a_wrong_method_is_told_with_those_allowed(client: httpx2.AsyncClient) -> None:
    answer = await client.delete("/seats")
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_a_detail_that_is_not_given_is_left_out() -> None:
    with acting(RequestContext("request-0001")):
        body = bytes(problems.render(COMMON[errors.NotFound]).body)
    assert b"detail" not in body


def test_a_route_declares_its_problems_grouped_by_status() -> None:
    declared = problems.declare(TABLE)(SeatTaken, errors.RequestStillRunning, errors.NotFound)
    assert set(declared) == {404, 409}
    content: dict[str, Any] = declared[409]["content"][problems.MEDIA_TYPE]
    assert set(content["examples"]) == {"test/seat-taken", "request-still-running"}
    assert declared[409]["description"] == "已被占用 / 首次请求仍在处理中，请稍后重试"
