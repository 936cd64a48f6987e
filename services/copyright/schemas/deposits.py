from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.copyright.domain.deposits import Deposit
from services.copyright.schemas.words import Hash


class AskDeposit(BaseModel):
    """Has the work's digest deposited with an evidence platform of somebody else."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"platform": "notary"}]}
    )

    platform: str = Field(pattern="^[a-z0-9.-]{1,32}$", description="Its name here. 存证平台。")


class DepositState(StrEnum):
    WAITING = "waiting"
    DEPOSITED = "deposited"
    REFUSED = "refused"


class DepositView(BaseModel):
    """``digest`` is the SHA-256 of the work's one file, or the manifest root over its several;
    ``receipt`` what the platform wrote, which that platform confirms and we cannot."""

    id: UUID
    platform: str
    digest: Hash
    state: DepositState
    requested_at: datetime
    deposited_at: datetime | None
    refusal: str | None
    receipt: str | None

    @classmethod
    def of(cls, deposit: Deposit) -> Self:
        state = DepositState.WAITING
        if deposit.try_at is None:
            state = DepositState.DEPOSITED if deposit.receipt else DepositState.REFUSED
        return cls(
            id=deposit.id,
            platform=deposit.platform,
            digest=deposit.digest.hex(),
            state=state,
            requested_at=deposit.requested_at,
            deposited_at=deposit.deposited_at,
            refusal=deposit.refusal,
            receipt=deposit.receipt.decode(errors="replace") if deposit.receipt else None,
        )


class DepositsView(BaseModel):
    """``platforms``: those that may be named."""

    platforms: list[str]
    deposits: list[DepositView]
