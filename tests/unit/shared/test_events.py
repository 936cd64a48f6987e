from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events import SCHEMAS, Envelope, MalformedEvent
from shared.ids import uuid7
from shared.presence import ServiceStarted, started_type

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
envelopes = st.builds(
    Envelope,
    id=st.uuids(),
    source=texts,
    type=texts,
    aggregate=texts,
    time=st.datetimes(timezones=st.just(UTC)),
    data=st.dictionaries(texts, values, max_size=4),
    traceparent=st.none() | texts,
)


def body(**changes: Any) -> dict[str, Any]:
    """A good envelope as JSON, with some attributes changed."""
    return {
        "specversion": "1.0",
        "id": "0192f0c1-7e0a-7b1f-9d2e-3f4a5b6c7d8e",
        "source": "/catalog",
        "type": "catalog.service.started.v1",
        "time": "2026-09-01T00:00:00+00:00",
        "partitionkey": "catalog",
        "datacontenttype": "application/json",
        "data": {
            "service": "catalog",
            "version": "0.1.0",
            "started_at": "2026-09-01T00:00:00Z",
        },
        **changes,
    }


def parsed(**changes: Any) -> Envelope:
    return Envelope.from_json(orjson.dumps(body(**changes)))


@given(envelopes)
def test_an_envelope_comes_back_as_it_was_sent(envelope: Envelope) -> None:
    assert Envelope.from_json(envelope.to_json()) == envelope


def test_an_envelope_is_cloudevents_in_structured_json() -> None:
    envelope = Envelope(
        id=UUID("0192f0c1-7e0a-7b1f-9d2e-3f4a5b6c7d8e"),
        source="/catalog",
        type="catalog.resource.published.v1",
        aggregate="r1",
        time=datetime(2026, 9, 1, tzinfo=UTC),
        data={"title": "分数的加法"},
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    )
    assert orjson.loads(envelope.to_json()) == {
        "specversion": "1.0",
        "id": "0192f0c1-7e0a-7b1f-9d2e-3f4a5b6c7d8e",
        "source": "/catalog",
        "type": "catalog.resource.published.v1",
        "time": "2026-09-01T00:00:00+00:00",
        "partitionkey": "r1",
        "datacontenttype": "application/json",
        "data": {"title": "分数的加法"},
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    }


def test_an_attribute_that_we_do_not_know_is_ignored() -> None:
    assert parsed(tracestate="a=b", subject=7) == parsed()


@given(st.binary())
def test_bytes_that_are_no_envelope_are_malformed(raw: bytes) -> None:
    with pytest.raises(MalformedEvent):
        Envelope.from_json(raw)


@given(
    st.sampled_from(["specversion", "id", "source", "type", "time", "partitionkey", "data"]),
    values,
)
def test_whatever_stands_in_an_attribute_it_parses_or_is_malformed(name: str, value: Any) -> None:
    try:
        envelope = parsed(**{name: value})
    except MalformedEvent:
        return
    assert isinstance(envelope.data, dict)
    assert all(isinstance(each, str) for each in (envelope.type, envelope.aggregate))


@pytest.mark.parametrize(
    "name", ["specversion", "id", "source", "type", "time", "partitionkey", "data"]
)
def test_an_envelope_without_a_required_attribute_is_malformed(name: str) -> None:
    whole = body()
    del whole[name]
    with pytest.raises(MalformedEvent):
        Envelope.from_json(orjson.dumps(whole))


@pytest.mark.parametrize(
    "changes",
    [
        {"specversion": "0.3"},
        {"id": 7},
        {"id": "not a uuid"},
        {"source": None},
        {"type": ["catalog.service.started.v1"]},
        {"time": "yesterday"},
        {"time": 1788220800},
        {"partitionkey": {"a": 1}},
        {"partitionkey": "nul\0nul"},
        {"partitionkey": ""},
        {"data": [1]},
        {"data": "text"},
        {"traceparent": 7},
    ],
)
def test_an_attribute_of_the_wrong_kind_is_malformed(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedEvent):
        parsed(**changes)


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.service.started.v1.json")))
def test_every_service_announces_itself_as_its_schema_says(path: Any) -> None:
    service = path.name.split(".")[0]
    event = ServiceStarted(service, "0.1.0", datetime(2026, 9, 1, tzinfo=UTC))
    envelope = Envelope(
        uuid7(), f"/{service}", event.type, event.aggregate, event.started_at, vars(event)
    )
    assert event.type == started_type(service) == path.stem
    Envelope.from_json(envelope.to_json()).check()


def test_fields_that_a_newer_version_added_are_taken() -> None:
    parsed(data={**body()["data"], "region": "华东"}).check()


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"service": "catalog", "version": "0.1.0"},
        {"service": "catalog", "version": 1, "started_at": "2026-09-01T00:00:00Z"},
        {"service": "catalog", "version": "0.1.0", "started_at": "in spring"},
    ],
)
def test_data_that_does_not_fit_its_schema_is_malformed(data: dict[str, Any]) -> None:
    with pytest.raises(MalformedEvent, match=r"catalog\.service\.started\.v1"):
        parsed(data=data).check()


def test_the_reason_does_not_repeat_what_the_event_said() -> None:
    with pytest.raises(MalformedEvent) as refusal:
        parsed(data={**body()["data"], "started_at": "张三 13812345678"}).check()
    assert "张三" not in str(refusal.value)
    assert "13812345678" not in str(refusal.value)


@pytest.mark.parametrize(
    "event_type",
    ["catalog.service.imagined.v1", "../catalog", "../../pyproject", "/etc/hosts", "x" * 5000],
)
def test_an_event_whose_type_has_no_schema_is_malformed(event_type: str) -> None:
    with pytest.raises(MalformedEvent, match="no schema"):
        parsed(type=event_type).check()


def test_ids_and_instants_travel_as_text() -> None:
    at = datetime(2026, 9, 1, tzinfo=UTC)
    data = {"id": UUID(body()["id"]), "at": at}
    envelope = Envelope(uuid7(), "/catalog", "catalog.service.started.v1", "c", at, data)
    assert Envelope.from_json(envelope.to_json()).data == {
        "id": body()["id"],
        "at": "2026-09-01T00:00:00+00:00",
    }
