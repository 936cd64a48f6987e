"""``gateway/policy.toml``: what is asked of requests beyond the contracts."""

import tomllib
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

FILE = Path(__file__).resolve().parent.parent / "policy.toml"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Defaults(_Strict):
    timeout_seconds: int = Field(ge=1)
    body_kib: int = Field(ge=1, description="A longer request body is 413.")


class Rates(_Strict):
    """Requests per second, at each Envoy; the bucket holds one second's worth."""

    address_per_second: int = Field(ge=1)
    subject_per_second: int = Field(ge=1)


class Quota(_Strict):
    """Of one class of applications, counted by the control plane over all Envoys."""

    per_second: int = Field(ge=1)
    per_day: int = Field(ge=1)


class ServiceLimits(_Strict):
    most_requests: int = Field(ge=1, description="Under way at one service; beyond is 503.")
    retry_budget_percent: int = Field(ge=0, le=100)
    retries: int = Field(ge=0, description="Of one request.")


class Cors(_Strict):
    origins: list[str]
    allow_headers: list[str]
    expose_headers: list[str]


class OperationRule(_Strict):
    """What holds for the operations that `operations` fit (``METHOD path``, ``*`` for any end)."""

    operations: list[str] = Field(min_length=1)
    reason: str
    timeout_seconds: int | None = Field(None, ge=1)
    body_kib: int | None = Field(None, ge=1)
    scopes: list[str] | None = Field(None, description="Any one of them, not the contract's.")
    token_left_to_service: bool = Field(
        False,
        description="Its standard has its own answer to a bad token, which the service gives.",
    )

    def fits(self, operation: str) -> bool:
        return any(
            operation.startswith(each[:-1]) if each.endswith("*") else operation == each
            for each in self.operations
        )


class PageRule(_Strict):
    """Paths, and all below the prefixes, that no contract describes."""

    paths: list[str] = []
    prefixes: list[str] = []
    methods: list[str] = Field(min_length=1)
    service: str
    reason: str


class Policy(_Strict):
    defaults: Defaults
    rates: Rates
    quota: dict[str, Quota] = Field(min_length=1)
    service: ServiceLimits
    cors: Cors
    rule: list[OperationRule] = []
    page: list[PageRule] = []

    @classmethod
    def read(cls, path: Path = FILE) -> Self:
        """Raises pydantic's ValidationError for an unknown or missing entry."""
        found: dict[str, Any] = tomllib.loads(path.read_text())
        return cls.model_validate(found)
