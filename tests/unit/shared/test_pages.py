import string
from typing import Annotated

import httpx2
import pytest
from fastapi import Depends, FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from shared.pages import BadCursor, Cursors, Page, PageRequest, page_limits

CURSORS = Cursors(b"k" * 32)
FILTER = {"state": "PUBLISHED", "subject": "数学", "sort": "-published_at"}

positions = st.lists(st.one_of(st.text(), st.integers(), st.none()), max_size=5)
bindings = st.dictionaries(
    st.text(max_size=8),
    st.one_of(st.text(), st.integers(), st.booleans(), st.none(), st.lists(st.text(), max_size=3)),
    max_size=4,
)


@given(positions, bindings)
def test_a_cursor_gives_its_position_back(
    position: list[str | int | None], bound_to: dict[str, object]
) -> None:
    assert CURSORS.decode(CURSORS.encode(position, bound_to), bound_to) == position


@given(positions, bindings, bindings)
def test_a_cursor_of_another_filter_is_refused(
    position: list[str | int | None], bound_to: dict[str, object], other: dict[str, object]
) -> None:
    if other != bound_to:
        with pytest.raises(BadCursor):
            CURSORS.decode(CURSORS.encode(position, bound_to), other)


@given(positions)
@settings(max_examples=25)
def test_every_changed_character_of_a_cursor_is_refused(position: list[str | int | None]) -> None:
    cursor = CURSORS.encode(position, FILTER)
    for place, character in enumerate(cursor):
        for other in {"A", "z", "_", "=", "+", "\n", "课", chr(ord(character) ^ 1)} - {character}:
            with pytest.raises(BadCursor):
                CURSORS.decode(cursor[:place] + other + cursor[place + 1 :], FILTER)


@given(positions)
def test_a_shortened_or_lengthened_cursor_is_refused(position: list[str | int | None]) -> None:
    cursor = CURSORS.encode(position, FILTER)
    for wrong in [cursor[:length] for length in range(len(cursor))] + [cursor + "A", cursor + "="]:
        with pytest.raises(BadCursor):
            CURSORS.decode(wrong, FILTER)


@given(st.text())
def test_any_text_that_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(BadCursor):
        CURSORS.decode(text, FILTER)


def test_the_order_of_filters_does_not_matter() -> None:
    cursor = CURSORS.encode(["a"], FILTER)
    assert CURSORS.decode(cursor, dict(reversed(FILTER.items()))) == ["a"]


def test_a_cursor_signed_with_another_key_is_refused() -> None:
    with pytest.raises(BadCursor):
        Cursors(b"j" * 32).decode(CURSORS.encode(["a"], FILTER), FILTER)


def test_a_cursor_needs_no_escaping_in_a_query() -> None:
    cursor = CURSORS.encode(["数学", None, 7], FILTER)
    assert set(cursor) <= set(string.ascii_letters + string.digits + "-_")


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Cursors(b"short")


class Title(BaseModel):
    title: str


def test_a_page_has_items_and_the_next_cursor() -> None:
    page = Page[Title](items=[Title(title="二次函数")], next=None)
    assert page.model_dump() == {"items": [{"title": "二次函数"}], "next": None}


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()

    @app.get("/titles")
    def titles(page: Annotated[PageRequest, Depends(page_limits(default=20, maximum=100))]) -> str:
        return f"{page.limit} after {page.cursor}"

    return app


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("", "20 after None"),
        ("?limit=1", "1 after None"),
        ("?limit=100&cursor=abc", "100 after abc"),
        ("?limit=101", "100 after None"),
        ("?limit=99999999999999999999", "100 after None"),
    ],
)
async def test_an_excess_limit_is_lowered(app: FastAPI, query: str, answer: str) -> None:
    assert (await _get(app, query)).json() == answer


@pytest.mark.parametrize("limit", ["0", "-1", "many", ""])
async def test_a_limit_that_is_no_positive_number_is_unprocessable(
    app: FastAPI, limit: str
) -> None:
    assert (await _get(app, f"?limit={limit}")).status_code == 422


async def _get(app: FastAPI, query: str) -> httpx2.Response:
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(f"/titles{query}")
