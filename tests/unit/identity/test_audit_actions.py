import ast
import re
from pathlib import Path

from services.identity import application
from services.identity.application.audit_actions import ACTIONS
from services.identity.application.organisations_ports import Change
from services.identity.domain.clients import SCOPES, ClientAction
from services.identity.domain.people import Action

_NAME = re.compile(r"[a-z_-]+(\.[a-z_]+)+")


def test_an_auditor_can_ask_for_whatever_the_use_cases_record_and_nothing_else() -> None:
    composed = {
        *(f"client.{each}" for each in ClientAction),
        *(f"organisation.{each}" for each in Change),
        *(f"person.{each}" for each in Action),
    }
    written = {
        node.value
        for module in Path(application.__path__[0]).glob("*.py")
        if module.name != "audit_actions.py"
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and _NAME.fullmatch(node.value)
    }
    assert written - {*SCOPES} == ACTIONS - composed
