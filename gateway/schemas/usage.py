from dataclasses import asdict
from datetime import date
from typing import Self

from pydantic import BaseModel, Field

from gateway.application.usage import Allowed
from gateway.domain.usage import Counts, UsageKey

COLUMNS = ("day", "operation", "requests", "refused", "failed", "received", "sent")


class UsageView(BaseModel):
    """One operation on one day."""

    day: date = Field(description="In China.")
    operation: str = Field(examples=["GET /catalog/v1/resources"])
    requests: int
    refused: int = Field(description="Answered from 400 to 499.")
    failed: int = Field(description="Answered from 500.")
    received: int = Field(description="Bytes of request bodies.")
    sent: int = Field(description="Bytes of answers.")

    @classmethod
    def of(cls, key: UsageKey, counts: Counts) -> Self:
        return cls(day=key.day, operation=key.operation, **asdict(counts))


class QuotaView(BaseModel):
    client_id: str
    name: str
    quota_class: str = Field(examples=["standard"])
    per_second: int
    per_day: int
    day: date = Field(description="Today, in China.")
    left: int = Field(description="Of today's requests, as the header RateLimit tells.")

    @classmethod
    def of(cls, allowed: Allowed) -> Self:
        return cls(
            client_id=allowed.application.client_id,
            name=allowed.application.name,
            quota_class=allowed.application.quota_class,
            per_second=allowed.quota.per_second,
            per_day=allowed.quota.per_day,
            day=allowed.day,
            left=max(0, allowed.quota.per_day - allowed.taken),
        )
