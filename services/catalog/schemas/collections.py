from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.catalog.application.collections_views import Ancestor, Differences, Entry, Told
from services.catalog.application.metadata import Line, Prose
from services.catalog.domain.collections import MOST_ITEMS, Action, Collection, Item, State
from services.catalog.schemas.resources import OrganisationName


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CollectionCode(BaseModel):
    """What a code of a collection stands for; ``location`` is a path of this API."""

    code: str
    kind: Literal["collection"]
    collection_id: UUID
    location: str

    @classmethod
    def of(cls, collection: Collection) -> Self:
        return cls(
            code=collection.code,
            kind="collection",
            collection_id=collection.id,
            location=f"/catalog/v1/collections/{collection.id}",
        )


class CreateCollection(_Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "title": "分数单元",
                    "description": "三年级上册第八单元的课件与练习。",
                    "organisation": "S-0126-F4TN-R",
                }
            ]
        }
    )

    title: Line
    description: Prose | None = None
    organisation: OrganisationName | None = Field(
        None, description="Where it belongs: its administrators may read it."
    )


class ChangeCollection(_Request):
    """What is absent stays; a description of null is removed."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"title": "分数单元（复习）", "description": None}]}
    )

    title: Line | None = None
    description: Prose | None = None

    @model_validator(mode="after")
    def _is_titled(self) -> Self:
        if "title" in self.model_fields_set and self.title is None:
            raise ValueError("A collection has a title.", "合集须有标题。")
        return self

    @property
    def fields(self) -> dict[str, str]:
        return {name: getattr(self, name) or "" for name in self.model_fields_set}


class CopyCollection(_Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"title": "分数单元（三年级二班）", "organisation": "S-0126-F4TN-R"}]
        }
    )

    title: Line | None = Field(None, description="None: that of the origin.")
    organisation: OrganisationName | None = None


class Reference(_Request):
    resource_id: UUID
    version: int | None = Field(
        None, ge=1, le=2**31 - 1, description="That very version; none follows the live one."
    )
    note: Prose | None = Field(None, description="What it is there for. 使用说明。")

    def item(self) -> Item:
        return Item(self.resource_id, self.version, self.note)

    @classmethod
    def of(cls, item: Item) -> Self:
        return cls(resource_id=item.resource_id, version=item.number, note=item.note)


class Arrangement(_Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "resource_id": "019aa1d1-77e5-7ab0-8d31-52f9c6b40e7a",
                            "version": 1,
                            "note": "第一课时导入。",
                        }
                    ]
                }
            ]
        }
    )

    items: Annotated[list[Reference], Field(max_length=MOST_ITEMS)]


class OriginView(BaseModel):
    collection_id: UUID
    version: int = Field(description="Of the origin, when the copy was made.")


class CollectionSummary(BaseModel):
    id: UUID
    code: str
    owner: str
    organisation: str | None = Field(description="Its path.")
    state: State
    title: str
    item_count: int
    version: int
    updated_at: datetime

    @classmethod
    def of(cls, collection: Collection) -> Self:
        return cls(**_summary(collection))


class CollectionView(CollectionSummary):
    description: str
    derived_from: OriginView | None
    actions: list[Action] = Field(description="What its owner may do to it now.")
    created_at: datetime

    @classmethod
    def of(cls, collection: Collection) -> Self:
        origin = collection.origin
        return cls(
            **_summary(collection),
            description=collection.description,
            derived_from=origin and OriginView.model_validate(origin._asdict()),
            actions=list(Action),
            created_at=collection.created_at,
        )


class TitledResource(BaseModel):
    """``version`` is the one told of; null: the draft."""

    code: str
    title: str
    stage: str | None
    subject: str | None
    grades: list[str]
    types: list[str]
    version: int | None

    @classmethod
    def of(cls, told: Told) -> Self:
        return cls(
            code=told.code,
            title=told.title,
            stage=told.stage,
            subject=told.subject,
            grades=list(told.grades),
            types=list(told.types),
            version=told.number,
        )


class ItemView(BaseModel):
    """``version`` is the one it is pinned to; null follows the live one."""

    position: int
    resource_id: UUID
    version: int | None
    note: str | None
    available: bool = Field(description="Whether the caller may read it now.")
    resource: TitledResource | None

    @classmethod
    def of(cls, entry: Entry) -> Self:
        return cls(
            position=entry.position,
            resource_id=entry.item.resource_id,
            version=entry.item.number,
            note=entry.item.note,
            available=entry.resource is not None,
            resource=entry.resource and TitledResource.of(entry.resource),
        )


class AncestorView(OriginView):
    available: bool = Field(description="Whether the caller may read it.")
    code: str | None
    title: str | None
    present_version: int | None

    @classmethod
    def of(cls, ancestor: Ancestor) -> Self:
        collection = ancestor.collection
        return cls(
            **ancestor.origin._asdict(),
            available=collection is not None,
            code=collection and collection.code,
            title=collection and collection.title,
            present_version=collection and collection.version,
        )


class Lineage(BaseModel):
    """The origin first, then the origin of that."""

    items: list[AncestorView]

    @classmethod
    def of(cls, line: Sequence[Ancestor]) -> Self:
        return cls(items=[AncestorView.of(each) for each in line])


class TextDifference(BaseModel):
    field: str
    before: str
    after: str


class ItemChange(BaseModel):
    before: Reference
    after: Reference


class CollectionDifferences(BaseModel):
    """What makes the copy of its origin as that is now. ``derived_version`` is the origin's when
    the copy was made, ``present_version`` the one compared with."""

    origin_id: UUID
    derived_version: int
    present_version: int
    fields: list[TextDifference]
    added: list[Reference]
    removed: list[Reference]
    changed: list[ItemChange]
    reordered: bool

    @classmethod
    def of(cls, found: Differences) -> Self:
        before, after, items = found.origin, found.copy, found.items
        names = ("title", "description")
        texts: list[tuple[str, Any, Any]] = [
            (name, getattr(before, name), getattr(after, name)) for name in names
        ]
        return cls(
            origin_id=before.id,
            derived_version=after.origin.version if after.origin else before.version,
            present_version=before.version,
            fields=[
                TextDifference(field=name, before=old, after=new)
                for name, old, new in texts
                if old != new
            ],
            added=[Reference.of(each) for each in items.added],
            removed=[Reference.of(each) for each in items.removed],
            changed=[
                ItemChange(before=Reference.of(each.before), after=Reference.of(each.after))
                for each in items.changed
            ],
            reordered=items.reordered,
        )


def _summary(collection: Collection) -> dict[str, Any]:
    return {
        "id": collection.id,
        "code": collection.code,
        "owner": collection.owner,
        "organisation": collection.organisation_path,
        "state": collection.state,
        "title": collection.title,
        "item_count": collection.items,
        "version": collection.version,
        "updated_at": collection.updated_at,
    }
