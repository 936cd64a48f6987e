"""What is told of a text that a body does not take: in words, not by a pattern."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from services.copyright.schemas.disputes import Words
from services.copyright.schemas.licences import Area
from services.copyright.schemas.registrations import PutCategory, RegisterWork
from services.copyright.schemas.words import AnyHash, Hash, Name, Organisation

WRONG = [
    (Name, "张\u200b三", "去掉不可见字符 U+200B"),
    (Name, " ", "不能为空"),
    (Words, " \n", "不能为空"),
    (AnyHash, "ABC", "64 位十六进制数"),
    (Hash, "ABC", "64 位小写十六进制数"),
    (Area, "999999", "行政区划代码"),
    (Area, "61", "行政区划代码"),
    (Organisation, "nope", "机构的代码"),
]


@pytest.mark.parametrize(("kind", "given", "told"), WRONG)
def test_what_is_wrong_with_a_text_is_told_in_words(kind: Any, given: str, told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(kind).validate_python(given)
    [defect] = refused.value.errors()
    assert told in defect["ctx"]["error"].args[1]


def test_the_pattern_is_documented_all_the_same() -> None:
    told = RegisterWork.model_json_schema()["properties"]
    assert "pattern" in told["title"]
    assert "pattern" in told["dci"]
    assert "pattern" in PutCategory.model_json_schema()["properties"]["letter"]["anyOf"][0]
