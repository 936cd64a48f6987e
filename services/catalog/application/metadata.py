"""The shape of metadata: the one model from which a draft is read and the JSON Schema is published.

Elements bear the numbers of GB/T 41469-2022, table 2. A draft may lack anything: what is missing is
for the check to say.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi.exceptions import RequestValidationError
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo

from services.catalog.domain.metadata import ELEMENTS, STANDARD
from services.catalog.domain.resources import DraftMalformed
from services.catalog.domain.resources import Metadata as Plain
from shared.defects import defects

SCHEMA_ID = "urn:shuyuan:schema:resource-metadata:1"


_HIDDEN = (
    r"\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F\u00AD\u061C\u200B\u200E\u200F"
    r"\u2028-\u202E\u2060-\u206F\uE000-\uF8FF\uFDD0-\uFDEF\uFEFF\uFFF9-\uFFFB\uFFFE\uFFFF"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U0010ffff"
)
"""Controls, marks of format that hide or turn writing, characters for private use and none at all,
as JSON Schema's alphabet of regular expressions and ours both write them: what is published is what
is asked. Joiners and the variation selectors of Han characters are part of words."""

_BREAKS = r"\t\n\r"
_BLANK = (
    r"\s\u034F\u115F\u1160\u17B4\u17B5\u180B-\u180F\u200C\u200D\u2800\u3164\uFE00-\uFE0F\uFFA0"
    "\U000e0100-\U000e01ef"
)
"""What shows nothing by itself: spaces, joiners, selectors, fillers."""

_OFF_A_LINE, _OUT_OF_PROSE = (re.compile(f"[{each}]") for each in (_BREAKS + _HIDDEN, _HIDDEN))
_TO_BE_SEEN = re.compile(f"[^{_BLANK}]")


def _line(text: str) -> str:
    if _OFF_A_LINE.search(text) or not _TO_BE_SEEN.search(text):
        raise ValueError("Write visible characters on one line.", "请写成一行可见字符。")
    return text.strip()


def _prose(text: str) -> str:
    if _OUT_OF_PROSE.search(text) or not _TO_BE_SEEN.search(text):
        raise ValueError(
            "Write visible characters, and leave control characters out.",
            "请填写可见字符，并去掉控制字符。",
        )
    return text.strip()


def _published(longest: int, hidden: str) -> FieldInfo:
    """At most so many characters, outer spaces counted, which are not kept; none that is `hidden`,
    and one that is to be seen."""
    pattern = f"^[^{hidden}]*[^{hidden}{_BLANK}][^{hidden}]*$"
    told: FieldInfo = Field(
        min_length=1, max_length=longest, json_schema_extra={"pattern": pattern}
    )
    return told


_OnALine = AfterValidator(_line)
_InProse = AfterValidator(_prose)
Line = Annotated[str, _published(1000, _BREAKS + _HIDDEN), _OnALine]
ShortLine = Annotated[str, _published(50, _BREAKS + _HIDDEN), _OnALine]
Prose = Annotated[str, _published(2000, _HIDDEN), _InProse]
Words = Annotated[str, _published(4000, _HIDDEN), _InProse]
LongProse = Annotated[str, _published(20_000, _HIDDEN), _InProse]
MaybeWords = Annotated[
    str,
    Field(max_length=4000, json_schema_extra={"pattern": f"^[^{_HIDDEN}]*$"}),
    AfterValidator(lambda text: _prose(text) if text.strip() else ""),
]
"""Likewise, or nothing."""
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


_CANONICAL = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _written(form: re.Pattern[str], en: str, zh: str) -> BeforeValidator:
    """The one form that the published schema names, of the several that would be understood."""

    def check(value: object) -> object:
        if isinstance(value, str) and not form.fullmatch(value):
            raise ValueError(en, zh)
        return value

    return BeforeValidator(check)


Id = Annotated[UUID, _written(_CANONICAL, "Write it as RFC 9562 has it.", "请按 RFC 9562 书写。")]
Day = Annotated[date, _written(_DAY, "Write a day as 2026-11-22.", "日期请写作 2026-11-22。")]
Flag = Annotated[bool, Strict()]


def a_number(value: object) -> object:
    """As JSON Schema has it: 1.0 is an integer, what is quoted is none."""
    if isinstance(value, bool | str):
        raise ValueError("Write a whole number without quotes.", "请填写不带引号的整数。")
    return value


VersionNumber = Annotated[int, Field(ge=1, le=2**31 - 1), BeforeValidator(a_number)]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


_PERSON = (
    "Id of the person, if known here. Whom it names, but as reviewer, does not approve it."
    " 除审核者外，不得由其通过。"
)


class Contributor(_Shape):
    """2.2 contribute"""

    name: Line = Field(description="2.2 contributor: 姓名或机构名称。")
    role: Literal[
        "author",
        "editor",
        "translator",
        "reviewer",
        "performer",
        "producer",
        "publisher",
        "other",
    ] = Field(description="2.2 role. 至少有一位作者。")
    organisation: Line | None = Field(None, description="所在单位。")
    person_id: Id | None = Field(None, description=_PERSON)


class Cataloguer(_Shape):
    """3.1 contribute, whose role is 创建者"""

    name: Line = Field(description="3.1 entity: 姓名或机构名称。")
    organisation: Line | None = Field(None, description="所在单位。")
    person_id: Id | None = Field(None, description=_PERSON)


class RightsBasis(_Shape):
    """On which basis the resource is supplied; one for the whole of it."""

    kind: Code = Field(
        description="自有、受让、许可、公有领域或法定：字典 rights_basis 的代码。",
        examples=["own_work"],
    )
    licensor: Line | None = Field(None, description="Who assigned or licensed it. 许可人。")
    terms: Prose | None = Field(None, description="许可条件，或法定依据的条款。")
    valid_from: Day | None = None
    valid_until: Day | None = Field(None, description="The last day; none: without end.")
    territory: Line | None = Field(None, description="许可地域。")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.valid_from and self.valid_until and self.valid_until < self.valid_from:
            raise ValueError("It ends before it begins.", "截止日期早于开始日期。")
        return self


class Accessibility(_Shape):
    """Beside alternative texts, captions and transcripts, which are said of, or are, files."""

    captions: Flag | None = Field(None, description="Captions are part of the picture. 内嵌字幕。")
    transcript: LongProse | None = Field(None, description="The words that are heard. 文字稿。")
    reading_order: Flag | None = Field(
        None, description="The order of reading has been checked. 已核对阅读顺序。"
    )
    languages_of_parts: list[Code] = Field(
        [], max_length=20, description="Other languages within, GB/T 4880.1. 其中的其他语种。"
    )


class Relation(_Shape):
    """7 relation: to a resource here, or to something known elsewhere."""

    relationship: Literal["contains", "part_of", "related"] = Field(
        description="7.1 relationship: 包含、所属、相关。"
    )
    resource_id: Id | None = Field(None, description="7.2.1 A resource here.")
    version: VersionNumber | None = Field(
        None, description="That very version of it; none: the live one."
    )
    identifier: Line | None = Field(None, description="7.2.1 What it is called elsewhere.")
    description: Prose | None = Field(None, description="7.2.2 description")

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.resource_id is None) == (self.identifier is None):
            raise ValueError(
                "Give resource_id or identifier, and not both.",
                "请填写 resource_id 或 identifier 之一。",
            )
        if self.version is not None and self.resource_id is None:
            raise ValueError("Only a resource here has versions.", "只有本平台的资源可指定版本。")
        return self


class Metadata(_Shape):
    """数字教育资源元数据. Elements without a number are additions of this platform."""

    title: Line | None = Field(None, description="1.2.1 proper-title 题名 (M)")
    alternative_titles: list[Line] = Field(
        [], max_length=20, description="1.2.2 alternative-title 其他题名 (O)"
    )
    languages: list[Code] = Field(
        [], max_length=20, description="1.3 language 语种 (M), codes of GB/T 4880.1"
    )
    description: Prose | None = Field(None, description="1.4 description 描述 (M)")
    keywords: list[Line] = Field([], max_length=50, description="1.5 keyword 关键词 (M)")
    edition_statement: ShortLine | None = Field(None, description="2.1 version 版本说明 (O)")
    contributors: list[Contributor] = Field(
        [], max_length=100, description="2.2 contribute 贡献者 (M), 至少一位作者"
    )
    cataloguer: Cataloguer | None = Field(
        None, description="3.1 contribute 元数据创建者; none: the owner, by id alone"
    )
    requirement: Prose | None = Field(
        None, description="4.2 requirement 使用要求 (M): what is needed to use it"
    )
    resource_types: list[Code] = Field(
        [], max_length=10, description="5.1 learning-resource-type 资源类型 (M)"
    )
    audience: Code | None = Field(None, description="5.2.1 audience 适用对象 (M)")
    stage: Code | None = Field(None, description="5.2.2 grade-level 学段 (O)")
    grades: list[Code] = Field([], max_length=20, description="5.2.2 grade-level 年级 (O)")
    subject: Code | None = Field(None, description="学科 (M); 8.1 curriculum-name is told from it")
    edition: Code | None = Field(None, description="教材版本 (O)")
    volume: Code | None = Field(None, description="册次 (O)")
    textbook_id: Id | None = Field(None, description="教材 (O): a textbook of this platform")
    chapters: list[Code] = Field(
        [], max_length=50, description="章节 (O): codes of chapters of that textbook"
    )
    knowledge_points: list[Code] = Field(
        [], max_length=50, description="知识点 (O): codes in the knowledge graph of the subject"
    )
    curricular_standard: Prose | None = Field(
        None, description="8.2 curricular-standard 课程标准 (M)"
    )
    textbook_codes: list[Line] = Field(
        [], max_length=20, description="8.3 textbook-code 教材代码 (O), as 七年级上册第2.3节"
    )
    copyright: Prose | None = Field(None, description="6.1 copyright 版权说明 (C)")
    restrictions: Prose | None = Field(None, description="6.2 restrictions 使用限制 (O)")
    licence: Code | None = Field(None, description="6.1 许可 (M here): what others may do with it")
    rights_basis: RightsBasis | None = Field(None, description="权利依据 (M)")
    accessibility: Accessibility | None = Field(None, description="无障碍 (O)")
    relations: list[Relation] = Field([], max_length=100, description="7 relation 关联 (O)")


def parse(value: Mapping[str, Any]) -> Plain:
    """`value` as the plain JSON that is kept. Raises `DraftMalformed` with every defect."""
    try:
        return plain(Metadata.model_validate(value))
    except ValidationError as error:
        placed = [{**each, "loc": ("body", "metadata", *each["loc"])} for each in error.errors()]
        raise DraftMalformed(
            "Correct what errors name.",
            zh="请改正 errors 所列各项。",
            errors=defects(RequestValidationError(placed)),
        ) from None


def plain(metadata: Metadata) -> Plain:
    """The plain JSON that is kept: without what is empty."""
    return metadata.model_dump(mode="json", exclude_defaults=True, exclude_none=True)


def _given(name: str) -> dict[str, Any]:
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


_OF_A_RELATION = {
    "oneOf": [_given("resource_id"), _given("identifier")],
    "if": _given("version"),
    "then": _given("resource_id"),
}
_RULES = (
    ("/rights_basis", "valid_until is no earlier than valid_from.", "截止日期不早于开始日期。"),
    (
        "",
        "Codes stand in the dictionaries named by x-dictionaries; the check before review asks.",
        "代码须在 x-dictionaries 所列字典之中，提交前检查时核对。",
    ),
)


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of metadata; ``x-rules`` are those that it cannot carry."""
    told = Metadata.model_json_schema()
    told["$defs"]["Relation"] |= _OF_A_RELATION
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **told,
        "x-standard": STANDARD,
        "x-dictionaries": {
            each.name: each.dictionary for each in ELEMENTS if each.dictionary is not None
        },
        "x-rules": [
            {"pointer": pointer, "detail": detail, "detail_zh": detail_zh}
            for pointer, detail, detail_zh in _RULES
        ],
    }
