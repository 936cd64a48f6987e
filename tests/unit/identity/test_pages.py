import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from services.identity.domain.clients import SCOPES
from services.identity.domain.sign_in import HOME, device_named, way_back
from services.identity.pages import Cookies, FormError, Pages, redirect_source
from services.identity.pages.forms import Forms
from services.identity.problems.authentication import PROBLEMS
from shared.context import Language, RequestContext, acting

ORIGIN = "https://id.example.cn"
STYLE = (Path(__file__).parents[3] / "services/identity/pages/static/style.css").read_text()
HOSTILE = "<script>alert('x')</script>\"'"
PAGES: dict[str, dict[str, Any]] = {
    "login.html": {
        "return_to": HOSTILE,
        "username": HOSTILE,
        "confirm": True,
        "notice": ("好", "good"),
        "passkeys": True,
        "errors": [FormError("", "错", "wrong")],
    },
    "second_factor.html": {
        "authenticator": True,
        "passkey": True,
        "recovery": True,
        "errors": [FormError("code", "错", "wrong")],
    },
    "consent.html": {
        "client_name": HOSTILE,
        "owner": HOSTILE,
        "purpose": HOSTILE,
        "scopes": list(SCOPES.values()),
        "withheld": list(SCOPES.values()),
        "account": HOSTILE,
        "action": "/identity/consent",
        "hidden": {"request": HOSTILE},
        "changed": True,
    },
    "device.html": {"action": "/identity/device", "user_code": HOSTILE, "hidden": {}},
    "device_done.html": {"allowed": False},
    "sign_out.html": {"action": "/identity/logout", "hidden": {}, "account": HOSTILE},
    "signed_out.html": {},
    "activate.html": {"errors": [FormError("token", "错", "wrong")]},
    "recovery_codes.html": {"codes": ["7K3M-9QXB-D4T0"], "onward": HOME},
    "error.html": {"heading": HOSTILE, "detail": HOSTILE, "retry_after": 7, "request_id": "r"},
}


@pytest.fixture
def pages() -> Pages:
    cookies = Cookies(ORIGIN)
    forms = Forms(cookies, ORIGIN, b"k" * 32)
    return Pages(cookies, forms, PROBLEMS, {"zh": "书院", "en": "Shuyuan"})


def request(path: str = "/identity/login") -> Request:
    server = ("id.example.cn", 443)
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": b"",
            "headers": [],
            "scheme": "https",
            "server": server,
        }
    )


class Outline(HTMLParser):
    """What a screen reader finds: fields and what names them, headings, landmarks."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.labelled: set[str] = set()
        self.fields: list[str | None] = []
        self.described: list[str] = []
        self.tags: list[str] = []
        self.inline: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.tags.append(tag)
        if told.get("id"):
            self.ids.append(told["id"] or "")
        if tag == "label":
            self.labelled.add(told.get("for") or "")
        visible = told.get("type") != "hidden" and told.get("aria-hidden") != "true"
        if tag == "input" and visible:
            self.fields.append(told.get("id"))
        self.described += (told.get("aria-describedby") or "").split()
        self.inline += [name for name in told if name == "style" or name.startswith("on")]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("template", PAGES)
def test_a_page_can_be_read_aloud_and_holds_no_script_of_anybodys(
    pages: Pages, template: str, language: Language
) -> None:
    with acting(RequestContext(language=language)):
        response = pages.render(request(), template, **PAGES[template])
    page = bytes(response.body).decode()
    found = Outline(page)
    assert found.tags.count("h1") == 1
    assert {"main", "header", "title"} <= set(found.tags)
    assert set(found.fields) <= found.labelled
    assert len(found.ids) == len(set(found.ids))
    assert set(found.described) <= set(found.ids)
    assert found.inline == []
    assert "script" not in found.tags
    assert HOSTILE not in page
    assert re.search(r'<html lang="(zh-CN|en)">', page)


def colours() -> dict[str, str]:
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", STYLE))


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    ("front", "back", "least"),
    [
        ("ink", "paper", 7),
        ("ink", "sheet", 7),
        ("ink-soft", "paper", 4.5),
        ("jade", "paper", 4.5),
        ("jade-deep", "jade-mist", 4.5),
        ("sheet", "jade", 4.5),
        ("fault", "paper", 4.5),
        ("fault", "fault-mist", 4.5),
        ("edge", "sheet", 3),
        ("jade", "sheet", 3),
    ],
)
def test_contrast_is_enough_for_weak_eyes(front: str, back: str, least: float) -> None:
    known = colours()
    lighter, darker = sorted((luminance(known[front]), luminance(known[back])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= least


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("https://app.example/cb?x=1", "https://app.example"),
        ("https://app.example:8443/cb", "https://app.example:8443"),
        ("http://127.0.0.1:51234/cb", "http://127.0.0.1:51234"),
        ("http://[::1]:51234/cb", "http:"),
        ("cn.example.app:/cb", "cn.example.app:"),
        ("https://app.example;script-src *", None),
        ("https://app.example 'unsafe-inline'/", None),
        ("https://user@app.example/", "https://app.example"),
        ("https://*/", None),
        ("/identity/account", None),
        ("", None),
        ("https://[broken", None),
    ],
)
def test_an_address_becomes_the_narrowest_source(address: str, source: str | None) -> None:
    assert redirect_source(address) == source


@given(st.text(max_size=60))
def test_no_address_smuggles_anything_into_the_policy(address: str) -> None:
    for text in (address, f"https://{address}", f"https://app.example{address}"):
        assert re.fullmatch(
            r"[a-z][a-z0-9+.-]*:(//[a-z0-9.-]+(:\d+)?)?", redirect_source(text) or "a:"
        )


@given(st.text(max_size=40))
def test_the_way_back_stays_within_our_own_pages(text: str) -> None:
    for return_to in (text, f"/identity/{text}", f"/{text}", f"//{text}"):
        back = way_back(return_to)
        assert back.startswith("/identity/")
        assert "\\" not in back
        assert "/../" not in back.partition("?")[0]


@given(st.text(max_size=300))
def test_a_device_is_never_told_closer_than_by_browser_and_system(user_agent: str) -> None:
    assert re.fullmatch(r"[A-Za-z?]+ · [A-Za-z?]+", device_named(user_agent))
