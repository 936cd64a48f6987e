"""Facts that travel: domain events and their CloudEvents 1.0 envelope.

An event is a frozen dataclass with a ``type`` (``<service>.<aggregate>.<past participle>.v<N>``)
and an ``aggregate``, within which order is kept. Its JSON Schema stands in ``openapi/events/``; a
consumer checks what it receives against the committed schema, never against another's code.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self
from uuid import UUID

import jsonschema_rs
import orjson

SCHEMAS = Path(__file__).resolve().parent.parent / "openapi" / "events"

_TYPE = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+")


class DomainEvent(Protocol):
    """A fact: a frozen dataclass whose fields are the ``data`` of the envelope."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def type(self) -> str:
        """``<service>.<aggregate>.<past participle>.v<N>``"""
        ...

    @property
    def aggregate(self) -> str:
        """Id of the thing it happened to; events of one aggregate arrive in order."""
        ...


class MalformedEvent(Exception):
    """The bytes are no CloudEvents envelope, or their data does not fit the type's schema."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """CloudEvents 1.0 in structured JSON (`application/cloudevents+json`).

    ``aggregate`` travels as the ``partitionkey`` extension, ``traceparent`` as the Distributed
    Tracing extension.
    """

    id: UUID
    source: str
    type: str
    aggregate: str
    time: datetime
    data: dict[str, Any]
    traceparent: str | None = None

    def to_json(self) -> bytes:
        body = {
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "time": self.time,
            "partitionkey": self.aggregate,
            "datacontenttype": "application/json",
            "data": self.data,
        }
        if self.traceparent:
            body["traceparent"] = self.traceparent
        return orjson.dumps(body, default=str)

    @classmethod
    def from_json(cls, raw: bytes) -> Self:
        """Parse an envelope; unknown attributes are ignored. Raises `MalformedEvent`."""
        try:
            body = orjson.loads(raw)
            if body["specversion"] != "1.0":
                raise MalformedEvent(f"specversion {body['specversion']!r}")
            if not isinstance(body["data"], dict):
                raise MalformedEvent("data is no object")
            traceparent = body.get("traceparent")
            return cls(
                id=UUID(_text(body["id"])),
                source=_text(body["source"]),
                type=_text(body["type"]),
                aggregate=_text(body["partitionkey"]),
                time=datetime.fromisoformat(body["time"]),
                data=body["data"],
                traceparent=None if traceparent is None else _text(traceparent),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise MalformedEvent(f"not a CloudEvents envelope: {error!r}") from error

    def check(self) -> None:
        """Hold ``data`` against the committed schema of its type. Raises `MalformedEvent`."""
        validator = _validator(self.type)
        if validator is None:
            raise MalformedEvent(f"no schema is published for {self.type}")
        try:
            validator.validate(self.data)
        except jsonschema_rs.ValidationError as error:
            raise MalformedEvent(f"{self.type}: {error.message}") from error


def _text(value: object) -> str:
    """`value`, a string that PostgreSQL can store. Raises `ValueError`."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError("an attribute is no text")
    return value


@cache
def _validator(event_type: str) -> Any:
    if not _TYPE.fullmatch(event_type):
        return None
    try:
        schema = (SCHEMAS / f"{event_type}.json").read_bytes()
    except FileNotFoundError:
        return None
    # The mask keeps what an event says of people out of reasons and logs.
    return jsonschema_rs.validator_for(schema.decode(), validate_formats=True, mask="the value")
