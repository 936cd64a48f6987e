"""The examples of an OpenAPI document, sent as the requests that they are.

An operation's examples stand in the schema of its body. They are sent as they stand, but for what
no document can know: an id, a secret or a moment that is good where the test runs. The test names
such members with the values that they take, which `named` finds in a body that is there already.
"""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx2
import jsonschema_rs
import orjson

from shared.testing.matrix import Operation, operations

Json = dict[str, Any]

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Example:
    """An example of an operation's body. ``schema`` is the body's, ``answers`` are the documented
    ones by status; both refer to ``components``."""

    operation: Operation
    media_type: str
    body: Any
    schema: Json
    answers: Mapping[str, Any]
    components: Json

    def sent(self, names: Mapping[str, Any]) -> Json:
        """The request's content and its type; members with these names take these values."""
        body = _filled(self.body, names)
        content = body if isinstance(body, str) else orjson.dumps(body)
        if self.media_type == FORM:
            content = urlencode(body)
        return {"content": content, "headers": {"content-type": self.media_type}}

    def defects(self) -> Iterator[str]:
        """How the example breaks the schema of the body."""
        yield from self._broken(self.schema, self.body)

    def judge(self, answer: httpx2.Response) -> Iterator[str]:
        """What is wrong with the answer: it is a success, and as the document tells it."""
        told = self.answers.get(str(answer.status_code))
        if told is None or answer.status_code >= 400:
            yield f"{self.operation.id}: {answer.status_code} {answer.text[:300]}"
            return
        documented = told.get("content", {})
        media_type = answer.headers.get("content-type", "").partition(";")[0]
        if not answer.content:
            if any(each.get("schema") for each in documented.values()):
                yield f"{self.operation.id}: {answer.status_code} without a body"
        elif media_type not in documented:
            yield f"{self.operation.id}: {answer.status_code} with {media_type or 'no type'}"
        elif media_type.endswith("json"):
            yield from self._broken(documented[media_type]["schema"], answer.json())

    def _broken(self, schema: Json, value: Any) -> Iterator[str]:
        whole = {**schema, "components": self.components}
        for error in jsonschema_rs.validator_for(whole, validate_formats=True).iter_errors(value):
            yield f"{self.operation.id}: {error.message} at {error.instance_path}"


def examples(document: Mapping[str, Any]) -> Iterator[Example]:
    """Every example of every body. Raises ValueError for a body without any."""
    components = document.get("components", {})
    for operation in operations(document):
        told = document["paths"][operation.path][operation.method.lower()]
        for media_type, content in told.get("requestBody", {}).get("content", {}).items():
            schema = content["schema"]
            if "$ref" in schema:
                schema = components["schemas"][schema["$ref"].rpartition("/")[2]]
            if not schema.get("examples"):
                raise ValueError(f"{operation.id} shows no example of its body")
            for body in schema["examples"]:
                yield Example(operation, media_type, body, schema, told["responses"], components)


def named(body: Any, names: Container[str]) -> Json:
    """The members of a body, and of all within it, that have these names."""
    inner = body.values() if isinstance(body, dict) else body if isinstance(body, list) else ()
    found = {name: value for each in inner for name, value in named(each, names).items()}
    own = body if isinstance(body, dict) else {}
    return found | {name: value for name, value in own.items() if name in names}


def _filled(body: Any, names: Mapping[str, Any]) -> Any:
    if isinstance(body, list):
        return [_filled(each, names) for each in body]
    if isinstance(body, dict):
        return {name: names.get(name, _filled(value, names)) for name, value in body.items()}
    return body
