"""Licence templates of the closed ODRL profile."""

import json
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from services.copyright.bundle import legal_text
from services.copyright.domain.licences import (
    ACTIONS,
    PROFILE,
    TEMPLATES,
    Template,
    Terms,
    template_for,
)
from services.copyright.domain.odrl import Policy, PolicyMalformed
from services.copyright.domain.registrations import TermsUnfit
from services.copyright.schemas.licences import ActionName, PolicyDocument

REGISTRATION = "0191d0a0-0000-7000-8000-0000000000aa"
SCHOOL = Terms(organisation="P0.C1.S1")
ALL_TERMS = Terms(
    organisation="P0.C1.S1",
    roles=("teacher", "student"),
    area="320100",
    until=datetime(2027, 9, 1, tzinfo=UTC),
    times=30,
)


def written(template: Template, terms: Terms = SCHOOL) -> bytes:
    return template.policy(REGISTRATION, terms if template.teaching else None)


def policy(code: str, terms: Terms = SCHOOL) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(written(TEMPLATES[code], terms))
    return read


@pytest.mark.parametrize("code", TEMPLATES)
def test_a_policy_is_the_same_bytes_each_time_and_names_its_profile(code: str) -> None:
    assert written(TEMPLATES[code]) == written(TEMPLATES[code])
    assert policy(code)["profile"] == PROFILE


@pytest.mark.parametrize("code", TEMPLATES)
def test_nothing_is_permitted_and_prohibited_at_once(code: str) -> None:
    template = TEMPLATES[code]
    assert not set(template.permitted) & set(template.prohibited)


@pytest.mark.parametrize(
    ("code", "action"),
    [
        ("cc-by-nc-4.0", "cc:CommercialUse"),
        ("cc-by-nd-4.0", "derive"),
        ("school-use", "cc:CommercialUse"),
    ],
)
def test_what_a_licence_withholds_is_prohibited(code: str, action: str) -> None:
    assert action in [each["action"] for each in policy(code)["prohibition"]]


@pytest.mark.parametrize(("code", "path"), [("school-use", "P0.C1.S1"), ("province-use", "P0")])
def test_use_within_an_organisation_is_limited_to_its_recipients(code: str, path: str) -> None:
    limit = {
        "leftOperand": "recipient",
        "operator": "isPartOf",
        "rightOperand": f"urn:shuyuan:organisation:{path}",
    }
    for permission in policy(code)["permission"]:
        assert limit in permission["constraint"]


def test_a_public_licence_takes_no_terms_and_one_for_teaching_needs_an_organisation() -> None:
    with pytest.raises(TermsUnfit):
        TEMPLATES["cc-by-4.0"].policy(REGISTRATION, SCHOOL)
    with pytest.raises(TermsUnfit):
        TEMPLATES["school-use"].policy(REGISTRATION, Terms(times=3))


@pytest.mark.parametrize("code", TEMPLATES)
@pytest.mark.parametrize("terms", [SCHOOL, ALL_TERMS])
def test_every_policy_is_one_of_the_profile_and_is_read_back(code: str, terms: Terms) -> None:
    template = TEMPLATES[code]
    document = written(template, terms)
    shown = PolicyDocument.model_validate_json(document)
    assert json.loads(shown.model_dump_json(by_alias=True, exclude_defaults=True)) == json.loads(
        document
    )
    read = Policy.parse(document)
    assert read.template == code
    assert read.revocable is template.teaching
    assert read.until == (terms.until if template.teaching else None)


BEYOND: list[tuple[str, Any]] = [
    ("profile", "https://example.org/another"),
    ("@type", "Set"),
    ("obligation", []),
    ("permission", [{"target": f"urn:uuid:{REGISTRATION}", "action": "sell"}]),
    ("permission", [{"target": "urn:uuid:another", "action": "play"}]),
    (
        "permission",
        [
            {
                "target": f"urn:uuid:{REGISTRATION}",
                "action": "play",
                "constraint": [{"leftOperand": "payAmount", "operator": "eq", "rightOperand": "5"}],
            }
        ],
    ),
    ("permission", "play"),
]


@pytest.mark.parametrize(("member", "value"), BEYOND, ids=range(len(BEYOND)))
def test_a_policy_with_anything_beyond_the_profile_is_refused(member: str, value: Any) -> None:
    document = json.dumps({**policy("school-use"), member: value})
    with pytest.raises(PolicyMalformed):
        Policy.parse(document.encode())
    if "another" not in document or member == "profile":
        with pytest.raises(ValidationError):
            PolicyDocument.model_validate_json(document)


@pytest.mark.parametrize("code", TEMPLATES)
def test_every_licence_has_its_words(code: str) -> None:
    words = legal_text(code).decode()
    assert "许可" in words or "声明人" in words
    assert len(words) > 500


def test_the_wire_names_the_actions_of_the_profile() -> None:
    assert set(get_args(ActionName)) == set(ACTIONS)


def test_the_catalogue_s_code_finds_its_template() -> None:
    found = template_for("CC-BY-SA-4.0")
    assert found is TEMPLATES["cc-by-sa-4.0"]
    assert template_for("all-rights-reserved") is None
    assert template_for(None) is None
