from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from gateway.application.webhooks import Disclosed, Draft, Rotated
from gateway.application.webhooks_deliveries import Replayed, Start
from gateway.domain.webhooks import State, Webhook
from gateway.domain.webhooks_deliveries import Delivery, sequence_of
from gateway.domain.webhooks_deliveries import State as DeliveryState
from gateway.domain.webhooks_types import EventType
from shared.instants import Instant

_MOST_TYPES = 50

Name = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")]
Address = Annotated[
    str,
    StringConstraints(max_length=2000, pattern=r"^[Hh][Tt][Tt][Pp][Ss]?://[^\x00-\x20\x7f]+$"),
    Field(
        description="Where events are sent to, over https, on the public Internet.",
        examples=["https://school.example/shuyuan/events"],
    ),
]
TypeName = Annotated[
    str,
    StringConstraints(max_length=100, pattern=r"^[a-z0-9_.-]+$"),
    Field(examples=["catalog.resource.published.v1"]),
]
TypeNames = Annotated[list[TypeName], Field(min_length=1, max_length=_MOST_TYPES)]
Sequence = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{1,18}$"),
    Field(examples=["000000000000004711"]),
]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


def _each_once(event_types: list[str] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(event_types or ()))


class EventTypeView(BaseModel):
    """``data_schema`` is the JSON Schema of the event's ``data``; new members may come."""

    type: str
    scope: str = Field(description="What the application's token must hold to subscribe.")
    data_schema: dict[str, Any]

    @classmethod
    def of(cls, name: str, kind: EventType, schema: Mapping[str, Any]) -> Self:
        return cls(type=name, scope=kind.scope, data_schema=kind.schema_outside(schema))


class EventTypes(BaseModel):
    items: list[EventTypeView]


class CreateWebhook(_Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "资源同步",
                    "url": "https://school.example/shuyuan/events",
                    "event_types": [
                        "catalog.resource.published.v1",
                        "catalog.resource.suspended.v1",
                    ],
                    "organisation": "S-0126-F4TN-R",
                }
            ]
        }
    )

    name: Name
    url: Address
    event_types: TypeNames
    organisation: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z.-]{1,300}$")] | None = (
        Field(
            None,
            description="Where it is kept, of the organisations at which the caller has a role: "
            "code or path; none: that of the first grant.",
        )
    )

    def draft(self) -> Draft:
        return Draft(self.organisation, self.name, self.url, _each_once(self.event_types))


class ChangeWebhook(_Request):
    """What is absent stays."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "资源同步（夜间）", "state": "PAUSED"}]}
    )

    name: Name | None = None
    url: Address | None = None
    event_types: TypeNames | None = None
    state: Literal["ACTIVE", "PAUSED"] | None = None

    @model_validator(mode="after")
    def _nothing_is_removed(self) -> Self:
        if any(getattr(self, name) is None for name in self.model_fields_set):
            raise ValueError(
                "Leave out what shall stay; null means nothing.", "不修改的项请勿填写。"
            )
        return self

    @property
    def fields(self) -> dict[str, Any]:
        given = {name: getattr(self, name) for name in self.model_fields_set}
        if self.event_types is not None:
            given["event_types"] = _each_once(self.event_types)
        if self.state is not None:
            given["state"] = State(self.state)
        return given


class WebhookView(BaseModel):
    id: UUID
    client_id: str = Field(description="The application by whose token it was made.")
    organisation: str = Field(description="Its path.")
    name: str
    url: str
    event_types: list[str]
    scopes: list[str] = Field(
        description="Of its application; a type that asks for another one is told no more."
    )
    state: State = Field(
        description="GONE: its address answered 410. FAILING: it failed for five days on end."
    )
    application_suspended: bool = Field(description="While it is, nothing is sent.")
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, webhook: Webhook) -> Self:
        return cls(**_view(webhook))


class DisclosedWebhook(WebhookView):
    secret: str | None = Field(
        description="Signs what is sent (Standard Webhooks). Shown this once; null when the request"
        " is repeated."
    )

    @classmethod
    def disclosed(cls, made: Disclosed) -> Self:
        return cls(**_view(made.webhook), secret=made.secret)


class RotatedSecret(BaseModel):
    secret: str | None = Field(description="Shown this once; null when the request is repeated.")
    previous_until: datetime = Field(description="Until then the one before signs as well.")

    @classmethod
    def of(cls, rotated: Rotated) -> Self:
        return cls(secret=rotated.secret, previous_until=rotated.previous_until)


class DeliveryView(BaseModel):
    """``status`` and ``failure`` tell of the last attempt; what was answered is not kept."""

    id: UUID
    webhook_id: UUID
    event_id: UUID = Field(description="The header webhook-id, the same at every attempt.")
    event_type: str
    sequence: str = Field(description="Where it stands among all events; replay goes on from it.")
    state: DeliveryState
    attempts: int
    status: int | None
    failure: str | None
    due_at: datetime | None = Field(description="The next attempt; null: there is none.")
    attempted_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        return cls(
            id=delivery.id,
            webhook_id=delivery.webhook_id,
            event_id=delivery.event_id,
            event_type=delivery.event_type,
            sequence=sequence_of(delivery.position),
            state=delivery.state,
            attempts=delivery.attempts,
            status=delivery.status,
            failure=delivery.failure,
            due_at=delivery.due_at,
            attempted_at=delivery.attempted_at,
            created_at=delivery.created_at,
        )


class ReplayEvents(_Request):
    """From where on: one of the two."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"after": "000000000000004711"}]})

    after: Sequence | None = Field(None, description="Behind the event with this ``sequence``.")
    since: Instant | None = Field(None, description="What was recorded then or later.")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.after is None) == (self.since is None):
            raise ValueError("Give after or since.", "请填写 after 或 since 之一。")
        return self

    def start(self) -> Start:
        return Start(int(self.after or 0), self.since)


class ReplayedEvents(BaseModel):
    queued: int = Field(description="Without those that were waiting already.")
    through: str | None = Field(description="The ``sequence`` of the last that was looked at.")
    more: bool = Field(description="Replay again after ``through``.")

    @classmethod
    def of(cls, replayed: Replayed) -> Self:
        through = None if replayed.through is None else sequence_of(replayed.through)
        return cls(queued=replayed.queued, through=through, more=replayed.more)


def _view(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "client_id": webhook.client,
        "organisation": webhook.organisation_path,
        "name": webhook.name,
        "url": webhook.url,
        "event_types": list(webhook.event_types),
        "scopes": sorted(webhook.scopes),
        "state": webhook.state,
        "application_suspended": webhook.suspended,
        "version": webhook.version,
        "created_at": webhook.created_at,
        "updated_at": webhook.updated_at,
    }
