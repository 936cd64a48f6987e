"""What xAPI asks of a statement, one broken rule at a time."""

from typing import Any

import pytest

from services.learning.domain.xapi.statements import VOIDED, check
from services.learning.domain.xapi.values import Version
from tests.unit.learning.statements import spoilt, statement

GROUP = {"objectType": "Group", "member": [{"mbox": "mailto:a@b.cn"}]}
SUB = {
    "objectType": "SubStatement",
    "actor": {"mbox": "mailto:a@b.cn"},
    "verb": {"id": "https://verbs.example/1"},
    "object": {"id": "https://lessons.example/1"},
}
ATTACHMENT = {
    "usageType": "https://usage.example/1",
    "display": {"zh": "图"},
    "contentType": "image/png",
    "length": 3,
    "sha2": "ab" * 32,
}


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize(
    "good",
    [
        statement(),
        statement(actor=GROUP),
        statement(actor={"objectType": "Group", "mbox": "mailto:class@b.cn"}),
        statement(actor={"openid": "https://id.example/1"}),
        statement(object=SUB, context=None),
        statement(object={"objectType": "Agent", "mbox": "mailto:a@b.cn"}, context=None),
        statement(object=GROUP, context=None),
        statement(attachments=[ATTACHMENT]),
        statement(version="1.0.9"),
        statement(stored="2026-11-22T00:00:00Z", authority={"mbox": "mailto:a@b.cn"}),
        spoilt("result/duration", "P3Y6M4DT12H30M5.25S"),
        spoilt("result/duration", "P4W"),
        spoilt("result/response", ""),
        spoilt("result/extensions", {"https://e.example": {"a": [None]}}),
        spoilt("context/contextActivities/grouping", [{"id": "https://l.example"}]),
    ],
)
def test_what_the_standard_allows_passes(good: dict[str, Any], version: Version) -> None:
    assert check(good, version) == []


SPOILT: list[tuple[str, Any, str]] = [
    ("colour", "red", "/colour"),
    ("Actor", {}, "/Actor"),
    ("id", "0193a000-0000-7000-8000-0000000000011", "/id"),
    ("id", 5, "/id"),
    ("actor", None, "/actor"),
    ("actor", "yutong", "/actor"),
    ("actor", {"name": "无名"}, "/actor"),
    ("actor/openid", "https://id.example/1", "/actor"),
    ("actor/name", 5, "/actor/name"),
    ("actor/mbox", "yutong@school.example", "/actor/mbox"),
    ("actor/mbox", "mailto:school.example", "/actor/mbox"),
    ("actor/objectType", "agent", "/actor/objectType"),
    ("actor", {"mbox_sha1sum": "12"}, "/actor/mbox_sha1sum"),
    ("actor", {"account": {"homePage": "school", "name": "a"}}, "/actor/account/homePage"),
    ("actor", {"account": {"homePage": "https://s.example"}}, "/actor/account"),
    ("actor", {"objectType": "Group"}, "/actor"),
    ("actor", {"objectType": "Group", "member": []}, "/actor"),
    ("actor", {"objectType": "Group", "member": [GROUP]}, "/actor/member/0/objectType"),
    ("verb", {"display": {"zh": "做"}}, "/verb"),
    ("verb/id", "answered", "/verb/id"),
    ("verb/id", "ab=c://should.fail", "/verb/id"),
    ("verb/display", {"a12345678": "x"}, "/verb/display/a12345678"),
    ("verb/display", {"zh": 1}, "/verb/display/zh"),
    ("verb/display", "回答", "/verb/display"),
    ("object", {"objectType": "activity", "id": "https://l.example"}, "/object/objectType"),
    ("object/id", "lesson", "/object/id"),
    ("object/definition/moreInfo", "more", "/object/definition/moreInfo"),
    ("object/definition/interactionType", "guess", "/object/definition/interactionType"),
    ("object/definition/scale", [{"id": "a"}], "/object/definition/scale"),
    ("object/definition/choices", [{"id": "a"}, {"id": "a"}], "/object/definition/choices"),
    ("object/definition/choices", [{"description": {}}], "/object/definition/choices/0"),
    ("object/definition/extensions", {"x": 1}, "/object/definition/extensions/x"),
    ("object", {"objectType": "StatementRef", "id": "x"}, "/object/id"),
    ("object", {**SUB, "object": SUB}, "/object/object"),
    ("object", {**SUB, "id": "0193a000-0000-7000-8000-000000000001"}, "/object/id"),
    ("object", {**SUB, "stored": "2026-11-22T00:00:00Z"}, "/object/stored"),
    ("result/score/scaled", 1.01, "/result/score/scaled"),
    ("result/score/scaled", "1", "/result/score/scaled"),
    ("result/score/raw", 11, "/result/score/raw"),
    ("result/score/raw", -1, "/result/score/raw"),
    ("result/score/min", 10, "/result/score/min"),
    ("result/success", "true", "/result/success"),
    ("result/completion", 1, "/result/completion"),
    ("result/duration", "PA1H0M0S", "/result/duration"),
    ("result/duration", "P", "/result/duration"),
    ("result/duration", "PT", "/result/duration"),
    ("result/response", None, "/result/response"),
    ("context/registration", "1", "/context/registration"),
    ("context/team", {"mbox": "mailto:a@b.cn"}, "/context/team"),
    ("context/contextActivities/other", [5], "/context/contextActivities/other/0"),
    ("context/contextActivities/child", [], "/context/contextActivities/child"),
    ("context/language", "a12345", "/context/language"),
    ("context/revision", 1, "/context/revision"),
    ("context/statement", {"id": "x"}, "/context/statement"),
    ("timestamp", "01/011/2015", "/timestamp"),
    ("timestamp", "2026-09-15T15:53:00.601-00:00", "/timestamp"),
    ("timestamp", "2026-09-15T15:53:00.601-0000", "/timestamp"),
    ("timestamp", "2026-09-15T15:53:00.601-00", "/timestamp"),
    ("timestamp", 1, "/timestamp"),
    ("stored", "gestern", "/stored"),
    ("version", "0.9.9", "/version"),
    ("version", "1.1.0", "/version"),
    ("authority", GROUP, "/authority"),
    ("attachments", ATTACHMENT, "/attachments"),
    ("attachments", [{**ATTACHMENT, "length": "3"}], "/attachments/0/length"),
    ("attachments", [{**ATTACHMENT, "sha2": "no"}], "/attachments/0/sha2"),
    ("attachments", [{**ATTACHMENT, "contentType": "png"}], "/attachments/0/contentType"),
    ("attachments", [{**ATTACHMENT, "fileUrl": "here"}], "/attachments/0/fileUrl"),
]


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize(("path", "value", "pointer"), SPOILT)
def test_a_broken_rule_is_told_with_its_place(
    path: str, value: Any, pointer: str, version: Version
) -> None:
    places = [defect.pointer for defect in check(spoilt(path, value), version)]
    assert any(place == pointer or place.startswith(f"{pointer}/") for place in places), places


@pytest.mark.parametrize("missing", ["actor", "verb", "object"])
def test_what_a_statement_must_have_is_missed(missing: str) -> None:
    [defect] = check(statement(**{missing: None}), Version.V1)
    assert missing in defect.detail


def test_every_defect_is_told_at_once() -> None:
    bad = spoilt("verb/id", "no")
    bad["actor"] = {}
    bad["timestamp"] = "no"
    assert {each.pointer for each in check(bad, Version.V2)} == {"/actor", "/verb/id", "/timestamp"}


def test_what_passed_once_is_still_refused_when_spoilt() -> None:
    assert check(statement(), Version.V1) == []
    assert check(spoilt("verb/id", "no"), Version.V1)
    assert check(statement(), Version.V1) == []


@pytest.mark.parametrize("name", ["contextAgents", "contextGroups"])
def test_context_agents_and_groups_came_with_the_second_version(name: str) -> None:
    inner = {"agent": {"mbox": "mailto:a@b.cn"}} if name == "contextAgents" else {"group": GROUP}
    item = {"objectType": name[:-1], **inner, "relevantTypes": ["https://t.example/1"]}
    good = spoilt(f"context/{name}", [item])
    assert check(good, Version.V2) == []
    assert check(good, Version.V1)
    assert check(spoilt(f"context/{name}", [{**item, "relevantTypes": []}]), Version.V2)
    assert check(spoilt(f"context/{name}", [{**item, "objectType": "Agent"}]), Version.V2)


@pytest.mark.parametrize("name", ["revision", "platform"])
def test_only_activities_have_a_revision_and_a_platform(name: str) -> None:
    about = {"objectType": "Agent", "mbox": "mailto:a@b.cn"}
    [defect] = check(statement(object=about, context={name: "1"}), Version.V1)
    assert defect.pointer == f"/context/{name}"


def test_only_a_statement_can_be_voided() -> None:
    [defect] = check(statement(verb={"id": VOIDED}), Version.V1)
    assert defect.pointer == "/object"


def test_a_time_without_offset_is_refused_by_the_second_version_only() -> None:
    bad = statement(timestamp="2026-11-22T08:00:00")
    assert check(bad, Version.V1) == []
    assert check(bad, Version.V2)
