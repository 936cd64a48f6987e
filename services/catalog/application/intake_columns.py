"""The columns of a table of metadata, made from the model of metadata: a new element of it is a new
column, and asks for a heading here."""

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from services.catalog.application.metadata import Metadata
from services.catalog.domain.metadata import ELEMENTS
from services.catalog.domain.resources import FileRole
from services.catalog.domain.vocabularies import folded


class Kind(StrEnum):
    """How a cell is read."""

    KEY = "key"
    FILES = "files"
    TEXT = "text"
    LIST = "list"
    FLAG = "flag"
    DAY = "day"
    CONTRIBUTORS = "contributors"
    RELATIONS = "relations"


@dataclass(frozen=True, slots=True)
class Column:
    """``name`` is the English heading, ``heading`` the Chinese one. ``path`` leads into metadata;
    ``dictionary`` is the one whose terms the cell names."""

    name: str
    heading: str
    kind: Kind
    path: tuple[str, ...] = ()
    dictionary: str | None = None
    role: FileRole | None = None


KEY = Column("external_key", "外部编号", Kind.KEY)
_FILES = (
    Column("files", "文件", Kind.FILES, role=FileRole.MAIN),
    Column("supplements", "附件", Kind.FILES, role=FileRole.SUPPLEMENT),
    Column("cover", "封面", Kind.FILES, role=FileRole.COVER),
    Column("captions", "字幕文件", Kind.FILES, role=FileRole.CAPTIONS),
    Column("transcripts", "文字稿文件", Kind.FILES, role=FileRole.TRANSCRIPT),
)
_HEADINGS: Mapping[str, str] = {
    **{each.name: each.name_zh for each in ELEMENTS},
    "cataloguer.name": "元数据创建者",
    "cataloguer.organisation": "元数据创建者单位",
    "cataloguer.person_id": "元数据创建者标识",
    "textbook_id": "教材标识",
    "chapters": "章节",
    "knowledge_points": "知识点",
    "relations": "关联",
    "copyright": "版权说明",
    "restrictions": "使用限制",
    "rights_basis.kind": "权利依据",
    "rights_basis.licensor": "许可人",
    "rights_basis.terms": "许可条件",
    "rights_basis.valid_from": "许可开始日期",
    "rights_basis.valid_until": "许可截止日期",
    "rights_basis.territory": "许可地域",
    "accessibility.captions": "内嵌字幕",
    "accessibility.transcript": "文字稿",
    "accessibility.reading_order": "已核对阅读顺序",
    "accessibility.languages_of_parts": "其中的其他语种",
}
_DICTIONARIES: Mapping[str, str] = {
    **{each.name: each.dictionary for each in ELEMENTS if each.dictionary},
    "rights_basis.kind": "rights_basis",
    "accessibility.languages_of_parts": "language",
}
_OF_THEIR_OWN = frozenset({Kind.CONTRIBUTORS.value, Kind.RELATIONS.value})


def _bare(annotation: Any) -> Any:
    """The type behind constraints and beside None."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _bare(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return _bare(next(each for each in get_args(annotation) if each is not types.NoneType))
    return origin or annotation


def _columns(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[Column]:
    for field, info in model.model_fields.items():
        path, bare = (*above, field), _bare(info.annotation)
        name = ".".join(path)
        if isinstance(bare, type) and issubclass(bare, BaseModel):
            yield from _columns(bare, path)
            continue
        kind = Kind.TEXT
        if name in _OF_THEIR_OWN:
            kind = Kind(name)
        elif bare is list:
            kind = Kind.LIST
        elif bare is bool:
            kind = Kind.FLAG
        elif bare is date:
            kind = Kind.DAY
        yield Column(name, _HEADINGS[name], kind, path, _DICTIONARIES.get(name))


COLUMNS: tuple[Column, ...] = (KEY, *_FILES, *_columns(Metadata))
DICTIONARIES = frozenset(_DICTIONARIES.values())

_BY_HEADING = {
    folded(text).casefold(): each for each in COLUMNS for text in (each.name, each.heading)
}


def named(name: str) -> Column:
    """The column with that English heading."""
    return next(each for each in COLUMNS if each.name == name)


def column_of(heading: str) -> Column | None:
    """The column with that heading, in Chinese or English."""
    return _BY_HEADING.get(folded(heading).casefold())


def column_at(pointer: str) -> Column | None:
    """The column of the element at a JSON pointer such as ``#/metadata/rights_basis/kind``."""
    parts = tuple(pointer.removeprefix("#/metadata/").split("/"))
    return next(
        (each for each in COLUMNS if each.path and parts[: len(each.path)] == each.path), None
    )
