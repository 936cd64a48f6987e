from typing import Literal

import pytest
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from shared.context import RequestContext, acting
from shared.defects import defects


class Asked(BaseModel):
    kind: Literal["a", "b", "c"]


def told(language: Literal["zh", "en"]) -> str:
    with pytest.raises(ValidationError) as refused:
        Asked.model_validate({"kind": "d"})
    error = RequestValidationError(
        [{**each, "loc": ("body", *each["loc"])} for each in refused.value.errors()]
    )
    with acting(RequestContext(request_id="r", language=language)):
        return str(defects(error)[0]["detail"])


def test_choices_are_listed_in_the_language_of_the_caller() -> None:
    assert told("zh") == "应为其中之一：'a', 'b'、'c'"
    assert told("en").endswith("'a', 'b' or 'c'")
