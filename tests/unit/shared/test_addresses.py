import pytest
from starlette.requests import Request

from shared.addresses import to_our_name

OURS = "http://127.0.0.1:17500"


def asked_of(host: str) -> Request:
    return Request(
        {
            "type": "http",
            "scheme": "http",
            "method": "GET",
            "path": "/docs",
            "query_string": b"a=1",
            "headers": [(b"host", host.encode())],
            "server": ("127.0.0.1", 17521),
        }
    )


@pytest.mark.parametrize("host", ["localhost:17500", "localhost", "[::1]:17500"])
def test_another_name_of_this_machine_leads_to_ours(host: str) -> None:
    answer = to_our_name(asked_of(host), OURS)
    assert answer is not None
    assert answer.headers["location"] == f"{OURS}/docs?a=1"


@pytest.mark.parametrize("host", ["127.0.0.1:17500", "127.0.0.1", "school.example", "gateway:8080"])
def test_our_own_name_and_those_that_proxies_give_us_stay(host: str) -> None:
    assert to_our_name(asked_of(host), OURS) is None


def test_nobody_is_led_from_the_world_to_a_loopback_or_back() -> None:
    assert to_our_name(asked_of("localhost:8080"), "https://edu.example") is None
