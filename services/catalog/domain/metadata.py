"""Metadata of a resource by GB/T 41469-2022, table 2: which element is obligatory, which terms of
which dictionary it takes, and the shape that other platforms read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from services.catalog.domain.resources import Metadata
from services.catalog.domain.vocabularies import Term

STANDARD = "GB/T 41469-2022"
COURSES = "GB/T 33782 ZXXKC"
GRADES = "grade"
"""Under this name the crosswalk of a 学段 has the codes of its 年级, parted by spaces; where it has
none, a code that no grade bears, as ``none``."""


class Obligation(StrEnum):
    MANDATORY = "M"
    OPTIONAL = "O"


@dataclass(frozen=True, slots=True)
class Element:
    """One element that a person fills in. ``dictionary`` is the one whose codes it takes."""

    number: str
    name: str
    name_zh: str
    obligation: Obligation
    dictionary: str | None = None


_M, _O = Obligation.MANDATORY, Obligation.OPTIONAL

ELEMENTS: tuple[Element, ...] = (
    Element("1.2.1", "title", "题名", _M),
    Element("1.2.2", "alternative_titles", "其他题名", _O),
    Element("1.3", "languages", "语种", _M, "language"),
    Element("1.4", "description", "描述", _M),
    Element("1.5", "keywords", "关键词", _M),
    Element("2.1", "edition_statement", "版本说明", _O),
    Element("2.2", "contributors", "贡献者", _M),
    Element("4.2", "requirement", "使用要求", _M),
    Element("5.1", "resource_types", "资源类型", _M, "resource_type"),
    Element("5.2.1", "audience", "适用对象", _M, "audience"),
    Element("5.2.2", "stage", "学段", _O, "stage"),
    Element("5.2.2", "grades", "年级", _O, "grade"),
    Element("8.1", "subject", "学科", _M, "subject"),
    Element("8.2", "curricular_standard", "课程标准", _M),
    Element("8.3", "textbook_codes", "教材代码", _O),
    Element("", "edition", "教材版本", _O, "edition"),
    Element("", "volume", "册次", _O, "volume"),
    Element("6.1", "licence", "许可", _M, "licence"),
)
"""Elements that a person fills in. Those of table 2 that are not here are derived by `national`."""

AUTHOR = "author"
CREATOR = "创建者"
RELATIONSHIPS: Mapping[str, str] = {"contains": "包含", "part_of": "所属", "related": "相关"}
OPPOSITES: Mapping[str, str] = {"contains": "part_of", "part_of": "contains"}
"""What cannot be said of the same resource as well."""
ROLES: Mapping[str, str] = {
    AUTHOR: "作者",
    "editor": "编辑",
    "translator": "翻译",
    "reviewer": "审核者",
    "performer": "讲授者",
    "producer": "制作者",
    "publisher": "出版者",
    "other": "其他",
}


def merged(target: Any, patch: Any) -> Any:
    """`target` after a merge patch (RFC 7396 §2)."""
    if not isinstance(patch, Mapping):
        return patch
    after = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            after.pop(name, None)
        else:
            after[name] = merged(after.get(name), value)
    return after


def terms_used(metadata: Metadata) -> Iterator[tuple[str, str, str]]:
    """Every code of a dictionary in `metadata`: JSON pointer into it, dictionary, code."""
    for element in ELEMENTS:
        value = metadata.get(element.name)
        if element.dictionary is None or value is None:
            continue
        if isinstance(value, str):
            yield f"/{element.name}", element.dictionary, value
            continue
        for index, code in enumerate(value):
            yield f"/{element.name}/{index}", element.dictionary, code
    if "rights_basis" in metadata:
        yield "/rights_basis/kind", "rights_basis", metadata["rights_basis"]["kind"]
    for index, code in enumerate(metadata.get("accessibility", {}).get("languages_of_parts", ())):
        yield f"/accessibility/languages_of_parts/{index}", "language", code


def grades_of(stage: Term | None) -> frozenset[str] | None:
    """Codes of the grades that a stage has; None where its dictionary does not say."""
    told = stage.crosswalk.get(GRADES) if stage else None
    return None if told is None else frozenset(told.split())


@dataclass(frozen=True, slots=True)
class Described:
    """What the shape of table 2 says of a resource beside what a person filled in.

    ``formats`` are media types, ``size`` is in bytes, ``date`` is RFC 3339, ``creator`` is an id;
    ``terms`` by dictionary and code.
    """

    code: str
    location: str
    formats: tuple[str, ...]
    size: int
    date: str
    creator: str
    terms: Mapping[tuple[str, str], Term]

    def name(self, dictionary: str, code: str) -> str:
        """The Chinese name of a term; its code where the dictionary has none."""
        term = self.terms.get((dictionary, code))
        return term.name_zh if term else code

    def course(self, subject: str) -> str:
        """The code of a subject in GB/T 33782, or its own where it has none there."""
        term = self.terms.get(("subject", subject))
        return term.crosswalk.get(COURSES, subject) if term else subject


def national(metadata: Metadata, described: Described) -> dict[str, Any]:
    """The resource in the elements of table 2, by number and name; what is unknown is left out."""
    names: dict[str, list[str]] = {each.dictionary: [] for each in ELEMENTS if each.dictionary}
    for _, dictionary, code in terms_used(metadata):
        names.setdefault(dictionary, []).append(described.name(dictionary, code))
    subject = metadata.get("subject")
    elements = {
        "1.1 identifier": {"catalog": "shuyuan", "entry": described.code},
        "1.2.1 proper-title": metadata.get("title"),
        "1.2.2 alternative-title": metadata.get("alternative_titles"),
        "1.3 language": metadata.get("languages"),
        "1.4 description": metadata.get("description"),
        "1.5 keyword": metadata.get("keywords"),
        "2.1 version": metadata.get("edition_statement"),
        "2.2 contribute": [
            {
                "contributor": each["name"],
                **{name: each[name] for name in ("organisation",) if name in each},
                "role": ROLES[each["role"]],
            }
            for each in metadata.get("contributors", ())
        ],
        "3.1 contribute": [
            {"role": CREATOR, "entity": _entity(metadata, described), "date": described.date}
        ],
        "3.2 metadata-schema": STANDARD,
        "3.3 language": "zh",
        "4.1 format": list(described.formats),
        "4.2 requirement": metadata.get("requirement"),
        "4.3 size": described.size,
        "4.4 location": [described.location],
        "5.1 learning-resource-type": names["resource_type"],
        "5.2.1 audience": next(iter(names["audience"]), None),
        "5.2.2 grade-level": [*names["stage"], *names["grade"]],
        "6.1 copyright": metadata.get("copyright"),
        "6.2 restrictions": metadata.get("restrictions"),
        "7 relation": [_relation(each) for each in metadata.get("relations", ())],
        "8.1 curriculum-name": subject and described.course(subject),
        "8.2 curricular-standard": metadata.get("curricular_standard"),
        "8.3 textbook-code": metadata.get("textbook_codes"),
    }
    return {name: value for name, value in elements.items() if value not in (None, [], "")}


def _entity(metadata: Metadata, described: Described) -> dict[str, str]:
    """Who catalogued it, by properties of a vCard (RFC 6350 §6); its owner's id where nobody is
    named."""
    told = metadata.get("cataloguer")
    if told is None:
        return {"uid": described.creator}
    properties = {"fn": "name", "org": "organisation", "uid": "person_id"}
    return {name: told[field] for name, field in properties.items() if field in told}


def _relation(relation: Mapping[str, Any]) -> dict[str, Any]:
    identifier = relation.get("resource_id") or relation.get("identifier")
    pinned = relation.get("version")
    return {
        "7.1 relationship": RELATIONSHIPS[relation["relationship"]],
        "7.2.1 identifier": identifier if pinned is None else f"{identifier}?version={pinned}",
        "7.2.2 description": relation.get("description", ""),
    }
