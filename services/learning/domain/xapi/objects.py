"""What a statement may speak of: agents and groups, verbs, activities, statements."""

from typing import Any

from services.learning.domain.xapi import rules
from services.learning.domain.xapi.rules import Json, Remembered, Report, Shape, each_of, one_of

IFIS = ("mbox", "mbox_sha1sum", "openid", "account")
"""Inverse functional identifiers: an identified agent or group has exactly one."""

_account = Shape({"homePage": rules.iri, "name": rules.text}, required=("homePage", "name"))
_identifiers: dict[str, rules.Check] = {
    "mbox": rules.mbox,
    "mbox_sha1sum": rules.sha1,
    "openid": rules.iri,
    "account": _account,
}


def _one_identifier(value: Json, at: str, report: Report) -> None:
    if sum(name in value for name in IFIS) != 1:
        report.add(at, f"An agent has exactly one of {', '.join(IFIS)}.")


agent = Remembered(
    Shape(
        {"objectType": one_of("Agent"), "name": rules.text, **_identifiers}, across=_one_identifier
    )
)


def _members_or_identifier(value: Json, at: str, report: Report) -> None:
    count = sum(name in value for name in IFIS)
    if count > 1:
        report.add(at, f"A group has at most one of {', '.join(IFIS)}.")
    elif count == 0 and not value.get("member"):
        report.add(at, "A group without an identifier names its members.")


group = Shape(
    {
        "objectType": one_of("Group"),
        "name": rules.text,
        "member": each_of(agent),
        **_identifiers,
    },
    required=("objectType",),
    across=_members_or_identifier,
)


def actor(value: Any, at: str, report: Report) -> None:
    """An agent, or a group that says so."""
    is_group = type(value) is dict and value.get("objectType") == "Group"
    (group if is_group else agent)(value, at, report)


verb = Remembered(Shape({"id": rules.iri, "display": rules.language_map}, required=("id",)))

_component = Shape({"id": rules.text, "description": rules.language_map}, required=("id",))


def _components(value: Any, at: str, report: Report) -> None:
    each_of(_component)(value, at, report)
    if type(value) is list:
        ids = [str(each.get("id")) for each in value if type(each) is dict]
        if len(set(ids)) != len(ids):
            report.add(at, "Two components have the same id.")


_COMPONENTS = {
    "choices": ("choice", "sequencing"),
    "scale": ("likert",),
    "source": ("matching",),
    "target": ("matching",),
    "steps": ("performance",),
}
_INTERACTIONS = (
    *("true-false", "choice", "fill-in", "long-fill-in", "matching", "performance"),
    *("sequencing", "likert", "numeric", "other"),
)


def _interaction(value: Json, at: str, report: Report) -> None:
    kind = value.get("interactionType")
    if kind is None:
        if "correctResponsesPattern" in value or _COMPONENTS.keys() & value.keys():
            report.add(at, "An interaction says its interactionType.")
        return
    for name, kinds in _COMPONENTS.items():
        if name in value and kind not in kinds:
            report.add(f"{at}/{name}", f"An interaction of type {kind} has no {name}.")


definition = Shape(
    {
        "name": rules.language_map,
        "description": rules.language_map,
        "type": rules.iri,
        "moreInfo": rules.iri,
        "extensions": rules.extensions,
        "interactionType": one_of(*_INTERACTIONS),
        "correctResponsesPattern": each_of(rules.text),
        **dict.fromkeys(_COMPONENTS, _components),
    },
    across=_interaction,
)
activity = Remembered(
    Shape(
        {"objectType": one_of("Activity"), "id": rules.iri, "definition": definition},
        required=("id",),
    )
)
statement_reference = Shape(
    {"objectType": one_of("StatementRef"), "id": rules.uuid}, required=("objectType", "id")
)
