"""Licence templates of the closed ODRL profile."""

import json
from typing import Any

import pytest

from services.copyright.domain.licences import PROFILE, TEMPLATES, template_for

REGISTRATION = "0191d0a0-0000-7000-8000-0000000000aa"


def policy(code: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(TEMPLATES[code].policy(REGISTRATION))
    return read


@pytest.mark.parametrize("code", TEMPLATES)
def test_a_policy_is_the_same_bytes_each_time_and_names_its_profile(code: str) -> None:
    assert TEMPLATES[code].policy(REGISTRATION) == TEMPLATES[code].policy(REGISTRATION)
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


def test_use_within_a_school_is_limited_to_its_recipients() -> None:
    for permission in policy("school-use")["permission"]:
        assert {"leftOperand": "recipient", "operator": "eq", "rightOperand": "edu:school"} in (
            permission["constraint"]
        )


def test_the_catalogue_s_code_finds_its_template() -> None:
    found = template_for("CC-BY-SA-4.0")
    assert found is TEMPLATES["cc-by-sa-4.0"]
    assert template_for("all-rights-reserved") is None
    assert template_for(None) is None
