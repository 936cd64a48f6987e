from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from services.learning.schemas.texts import Line, MaybeProse, Prose, Word


def refused(kind: Any, text: str) -> str:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(text)
    [error] = caught.value.errors()
    return str(error["msg"])


@pytest.mark.parametrize("kind", [Line, Prose, MaybeProse, Word])
@pytest.mark.parametrize(
    "text",
    ["\u200fئۇيغۇر", "字\u2060词", "\ufeff字", "\u2068نام\u2069", "👩\u200d🏫"],
    ids=["right to left", "joiner", "byte order", "isolate", "emoji"],
)
def test_marks_that_scripts_and_editors_need_are_kept(kind: Any, text: str) -> None:
    assert TypeAdapter(kind).validate_python(text) == text


@pytest.mark.parametrize("kind", [Line, Prose, MaybeProse, Word])
def test_what_is_refused_is_named_with_its_place(kind: Any) -> None:
    for text, code in (("ab\u202ec", "U+202E"), ("ab\u0000c", "U+0000")):
        assert f"{code} at place 3" in refused(kind, text)


def test_a_line_is_one_line() -> None:
    assert "U+000A" in refused(Line, "a\nb")
    assert TypeAdapter(Prose).validate_python("a\nb") == "a\nb"


@pytest.mark.parametrize("kind", [Line, Prose])
def test_what_nobody_sees_is_no_text(kind: Any) -> None:
    assert "can be seen" in refused(kind, "\u200f\u2060")
