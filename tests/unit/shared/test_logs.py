import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import orjson
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from shared import logs
from shared.context import RequestContext, enter
from shared.ids import uuid7

Logged = Callable[[Callable[[], None]], dict[str, Any]]

ID_NUMBER = "11010519491231002X"
MOBILE = "13812345678"
TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str]) -> Iterator[Logged]:
    """Runs something that logs one line, and gives that line parsed."""
    root = logging.getLogger()
    handlers, level, structured = root.handlers[:], root.level, structlog.get_config()

    def run(write: Callable[[], None]) -> dict[str, Any]:
        logs.configure("catalog", "INFO")
        write()
        line: dict[str, Any] = orjson.loads(capsys.readouterr().err)
        return line

    yield run
    root.handlers, root.level = handlers, level
    structlog.configure(**structured)
    enter(RequestContext())


def note(**values: Any) -> Callable[[], None]:
    return lambda: structlog.get_logger("test").info("noted", **values)


@pytest.mark.parametrize(
    "text",
    [
        ID_NUMBER,
        "110105194912310021",
        ID_NUMBER.lower(),
        MOBILE,
        f"+86{MOBILE}",
        f"+86 {MOBILE}",
        f"0086-{MOBILE}",
        "138-1234-5678",
        "138 1234 5678",
        f"phone:{MOBILE},",
        f"tel-{MOBILE}",
        f"电话{MOBILE}。",
        TOKEN,
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
        f"Authorization: Bearer {TOKEN}",
        "bearer 0123456789abcdef",
        "Basic YWxpY2U6c2VjcmV0",
    ],
)
def test_personal_numbers_and_tokens_are_masked(text: str) -> None:
    masked = logs.mask(f"before {text} after")
    assert "[masked]" in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    assert not any(secret in masked for secret in ("1234", "0105", "eyJ", "cret", "abcdef"))


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T05:28:31.123456+00:00",
        "R-7K3M-9QXB-D",
        "5371012345",
        "a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9b0c1d2e3f4a5b6c7d8e9f0a1b2",
        "1763789311123",
        "1763789311123456789",
        "a basic rule",
    ],
)
def test_what_is_no_personal_number_stays(text: str) -> None:
    assert logs.mask(text) == text


@given(st.builds(uuid7) | st.uuids())
def test_an_id_is_never_taken_for_a_personal_number(id_: UUID) -> None:
    assert logs.mask(f"resource {id_} published") == f"resource {id_} published"


def test_a_line_is_one_json_object_with_its_service_and_level(logged: Logged) -> None:
    line = logged(note(count=3))
    assert line.pop("timestamp").startswith("20")
    assert line == {"event": "noted", "count": 3, "level": "info", "service": "catalog"}


def test_a_line_names_the_request_in_hand_and_its_trace(logged: Logged) -> None:
    enter(RequestContext("request-1", f"00-{'a' * 32}-{'b' * 16}-01"))
    line = logged(note())
    assert (line["request_id"], line["trace_id"]) == ("request-1", "a" * 32)


def test_libraries_that_log_the_old_way_are_written_alike(logged: Logged) -> None:
    line = logged(lambda: logging.getLogger("library").warning("called %s", MOBILE))
    assert (line["event"], line["level"]) == ("called [masked]", "warning")


@pytest.mark.parametrize(
    "value",
    [
        MOBILE,
        int(MOBILE),
        {"contact": MOBILE},
        {MOBILE: "called"},
        ["x", (MOBILE, {"y": MOBILE})],
        {MOBILE},
        MOBILE.encode(),
        ValueError(MOBILE),
    ],
)
def test_a_personal_number_is_masked_wherever_it_hides(logged: Logged, value: Any) -> None:
    line = logged(note(value=value))
    assert MOBILE not in str(line)
    assert "[masked]" in str(line)


def test_numbers_and_flags_stay_what_they_are(logged: Logged) -> None:
    line = logged(note(count=7, ratio=0.5, done=True, nothing=None))
    assert (line["count"], line["ratio"], line["done"], line["nothing"]) == (7, 0.5, True, None)


def test_a_value_that_json_does_not_know_does_not_stop_the_line(logged: Logged) -> None:
    line = logged(note(value=object(), raw=b"\xff", huge=2**80))
    assert line["event"] == "noted"


def test_a_traceback_tells_the_place_and_no_values(logged: Logged) -> None:
    def register(name: str, phone: str) -> None:
        raise ValueError(f"{len(name)} {phone}")

    def fail() -> None:
        try:
            register("张三丰", MOBILE)
        except ValueError:
            structlog.get_logger("test").exception("not registered")

    line = logged(fail)
    assert line["exception"][0]["exc_type"] == "ValueError"
    assert line["exception"][0]["frames"][-1]["name"] == "register"
    assert "张三丰" not in str(line)
    assert MOBILE not in str(line)


async def test_the_access_line_holds_the_route_and_not_the_path(logged: Logged) -> None:
    enter(RequestContext("request-1"))
    route = "/catalog/v1/resources/{id}"
    access = logs.AccessLog("catalog")

    def answered() -> None:
        access.note(method="GET", route=route, status=200, ms=1.5)
        access.flush()

    line = logged(answered)
    assert (line["event"], line["route"]) == ("request", route)
    assert (line["request_id"], line["service"]) == ("request-1", "catalog")


async def test_access_lines_are_written_together_a_little_later(
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    access = logs.AccessLog("catalog")
    for _ in range(3):
        access.note(status=200)
    assert capsysbinary.readouterr().err == b""
    await asyncio.sleep(2 * logs.FLUSH_SECONDS)
    assert capsysbinary.readouterr().err.count(b"\n") == 3
