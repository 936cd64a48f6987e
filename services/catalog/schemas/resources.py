from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from services.catalog.application.metadata import Code, Line, Metadata, Prose
from services.catalog.application.resources import Shown
from services.catalog.application.resources_content import Derived
from services.catalog.domain.lifecycle import ON_RESOURCE, Action, Guard, Refusal, State, allowed
from services.catalog.domain.resources import (
    MOST_FILES,
    Attachment,
    FileReference,
    FileRole,
    Resource,
)
from services.catalog.schemas.inspections import FileFacts

_DEEPEST = 6

OrganisationName = Annotated[
    str,
    Field(
        max_length=300,
        pattern=r"^[0-9A-Za-z.-]+$",
        description="An organisation: its short code, or its path as a grant names it.",
        examples=["S-0101-7K3M-E"],
    ),
]


def _shallow(value: Any) -> Any:
    """Refuse what is nested deeper than metadata ever is, before anything walks it."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [inner for each in level for inner in _inside(each)]
    if level:
        raise ValueError("It is nested too deeply.", "嵌套过深。")
    return value


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FileAttached(_Request):
    """An upload as a file of a resource."""

    upload_id: UUID
    role: FileRole = FileRole.MAIN
    description: Prose | None = None
    alt_text: Prose | None = Field(None, description="What a picture shows. 替代文字。")
    language: Code | None = Field(None, description="GB/T 4880.1")

    def reference(self) -> FileReference:
        return FileReference(
            self.upload_id, self.role, self.description, self.alt_text, self.language
        )


Files = Annotated[list[FileAttached], Field(max_length=MOST_FILES)]


class CreateResource(_Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "metadata": {
                        "title": "分数的初步认识",
                        "languages": ["zh"],
                        "description": "用折纸和画图认识几分之一，配有课堂练习。",
                        "keywords": ["分数", "三年级数学"],
                        "contributors": [
                            {"name": "李小雨", "role": "author", "organisation": "向阳小学"}
                        ],
                        "requirement": "PDF 阅读器",
                        "resource_types": ["coursewares"],
                        "audience": "teacher_and_student",
                        "stage": "primary",
                        "grades": ["G3"],
                        "subject": "14",
                        "curricular_standard": "数与运算：初步认识分数",
                        "licence": "CC-BY-4.0",
                        "rights_basis": {"kind": "own_work"},
                    },
                    "files": [
                        {
                            "upload_id": "019aa1d0-3c84-7f12-9b6e-a47d0c5e8f93",
                            "role": "main",
                            "language": "zh",
                        }
                    ],
                    "organisation": "S-0126-F4TN-R",
                }
            ]
        }
    )

    metadata: Metadata = Field(default_factory=lambda: Metadata.model_validate({}))
    files: Files = []
    organisation: OrganisationName | None = Field(
        None, description="Where it belongs: its administrators may read the draft."
    )


class ChangeResource(_Request):
    """A JSON merge patch (RFC 7396) of the draft: what is absent stays, null removes, and a list
    takes the place of the whole one."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "metadata": {
                        "title": "分数的初步认识（第二课时）",
                        "keywords": ["分数"],
                        "volume": None,
                    }
                }
            ]
        }
    )

    metadata: Annotated[
        dict[str, Any] | None,
        AfterValidator(_shallow),
        WithJsonSchema(
            {
                "type": "object",
                "description": "Elements of `Metadata`, each of which may be null.",
                "examples": [{"title": "分数的初步认识", "keywords": ["分数"], "volume": None}],
            }
        ),
    ] = None
    files: Files | None = None


class FileView(BaseModel):
    """``position`` counts from 0; ``size`` is in bytes, ``sha256`` lower-case hex."""

    position: int
    upload_id: UUID
    role: FileRole
    filename: str
    media_type: str
    size: int
    sha256: str
    description: str | None
    alt_text: str | None
    language: str | None
    facts: FileFacts | None = Field(description="Null until it is inspected and clean.")
    damaged: bool = Field(
        description="The stored bytes were found lost or altered: upload the same file once more,"
        " which repairs them."
    )

    @classmethod
    def of(cls, position: int, file: Attachment) -> Self:
        said = file.reference
        return cls(
            position=position,
            upload_id=said.upload_id,
            role=said.role,
            filename=file.filename,
            media_type=file.media_type,
            size=file.size,
            sha256=file.sha256.hex(),
            description=said.description,
            alt_text=said.alt_text,
            language=said.language,
            facts=None if file.facts is None else FileFacts.model_validate(file.facts),
            damaged=file.damaged,
        )


class RefusalView(BaseModel):
    """Why an action cannot be taken now; ``guard`` null: not in this state, or not by the
    caller."""

    action: Action
    guard: Guard | None
    detail: str

    @classmethod
    def of(cls, refusal: Refusal) -> Self:
        return cls(action=refusal.action, guard=refusal.guard, detail=refusal.detail)


class ResourceView(BaseModel):
    """A resource with its draft, or with a version of it: then ``number`` says which."""

    id: UUID
    code: str
    owner: str
    organisation: str | None = Field(description="Its path.")
    state: State
    live_version: int | None = Field(description="The version that everybody may read.")
    latest_version: int = Field(description="How many versions there are.")
    number: int | None = Field(description="The version shown; null: the draft.")
    metadata: Metadata
    files: list[FileView]
    actions: list[Action] = Field(
        description="What the caller may do to it now. Personal numbers in the text of a file may"
        " stop it yet: only the check reads those."
    )
    refusals: list[RefusalView] = Field(
        description="Why the rest cannot be done now; told to its owner and administrators."
    )
    review_id: UUID | None = Field(
        description="The review that is open; told to its owner and administrators."
    )
    version: int = Field(description="Of the draft, as in the ETag.")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, shown: Shown) -> Self:
        resource, now = shown.resource, shown.situation
        actions, refusals = allowed(now, ON_RESOURCE) if now.actors else ((), ())
        return cls(
            id=resource.id,
            code=resource.code,
            owner=resource.owner,
            organisation=resource.organisation_path,
            state=resource.state,
            live_version=resource.live_version,
            latest_version=resource.latest_version,
            number=shown.number,
            metadata=Metadata.model_validate(shown.content.metadata),
            files=files_of(shown.content.files),
            actions=list(actions),
            refusals=[RefusalView.of(each) for each in refusals],
            review_id=resource.case_id if now.actors else None,
            version=resource.version,
            created_at=resource.created_at,
            updated_at=resource.updated_at,
        )


def files_of(files: Any) -> list[FileView]:
    """Each file with its place."""
    return [FileView.of(position, each) for position, each in enumerate(files)]


class ResourceSummary(BaseModel):
    id: UUID
    code: str
    title: str
    stage: str | None
    subject: str | None
    grades: list[str]
    edition: str | None
    types: list[str]
    licence: str | None
    state: State
    live_version: int | None
    updated_at: datetime


class DerivativeView(BaseModel):
    """Something made from the file at ``position``; ``url`` is good for 2 minutes."""

    position: int
    kind: str
    number: int
    media_type: str
    width: int | None
    height: int | None
    size: int
    url: str

    @classmethod
    def of(cls, derived: Derived) -> Self:
        made = derived.derivative
        return cls(
            position=derived.position,
            kind=made.kind,
            number=made.number,
            media_type=made.media_type,
            width=made.width,
            height=made.height,
            size=made.size,
            url=derived.url,
        )


class Derivatives(BaseModel):
    items: list[DerivativeView]


class CodeView(BaseModel):
    """What a code stands for; ``location`` is a path of this API."""

    code: str
    kind: Literal["resource"]
    resource_id: UUID
    location: str

    @classmethod
    def of(cls, resource: Resource) -> Self:
        return cls(
            code=resource.code,
            kind="resource",
            resource_id=resource.id,
            location=f"/catalog/v1/resources/{resource.id}",
        )


class Remark(_Request):
    model_config = ConfigDict(json_schema_extra={"examples": [{"note": "改正练习三的答案。"}]})

    note: Line | None = Field(None, description="What is new in this version. 版本说明。")
