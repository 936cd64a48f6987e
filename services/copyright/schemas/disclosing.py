from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.copyright.domain.evidence import Described
from services.copyright.domain.registrations import MOST_FILES, Record, WorkFile
from services.copyright.schemas.registrations import FileDigests
from services.copyright.schemas.words import Hash
from services.copyright.verify.events import Standing


class Disclosure(BaseModel):
    """``disclosure.json`` of your evidence, as it is."""

    model_config = ConfigDict(extra="forbid")

    identity: dict[str, str | list[str]] = Field(max_length=16)
    salt: Hash


class Details(BaseModel):
    """``details.json`` of your evidence, as it is."""

    model_config = ConfigDict(extra="forbid")

    details: dict[str, str | int | None] = Field(max_length=64)
    files: list[FileDigests] = Field(min_length=1, max_length=MOST_FILES)
    salt: Hash

    @property
    def described(self) -> Described:
        files = [WorkFile(**each.model_dump()) for each in self.files]
        return Described(self.details, files, bytes.fromhex(self.salt))


class Disclose(BaseModel):
    """What your evidence shows and the log only commits to. ``details`` may stay away."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "disclosure": {
                        "identity": {
                            "issuer": "https://shuyuan.edu.cn/identity",
                            "person": "019aa1c7-44b0-7c19-9e5d-31a6f2807c9e",
                        },
                        "salt": "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9",
                    }
                }
            ]
        },
    )

    disclosure: Disclosure
    details: Details | None = None

    @property
    def identity(self) -> dict[str, Any]:
        return dict(self.disclosure.identity)


class Disclosed(BaseModel):
    """The registration of which you are a party again: read it for what you may do next."""

    id: UUID
    code: str
    standing: Standing

    @classmethod
    def of(cls, record: Record) -> Self:
        return cls(id=record.id, code=record.code, standing=record.standing)
