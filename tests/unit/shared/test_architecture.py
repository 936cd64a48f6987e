"""What the import contracts of pyproject.toml cannot say: they forbid by name, and whatever they do
not name is allowed."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.services import PACKAGES, SERVICES

CHECKOUT = Path(__file__).resolve().parents[3]
LIBRARIES_OF_THE_DOMAIN = {"ahocorasick", "cryptography", "iscc_lib", "orjson"}
"""Algorithms and formats. A framework, a database or the network would not be plain Python."""
WIRES = {"asyncio", "http", "socket", "ssl", "subprocess", "urllib.request"}


def imported(file: Path) -> Iterator[str]:
    """Every module that `file` imports: anywhere in it, for types alone, or by name at run time."""
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Import():
                yield from (each.name for each in node.names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__")
                | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield name


SHARED_BY_DOMAINS = {
    *(
        "chinese_codes",
        "civil",
        "codes",
        "context",
        "defects",
        "errors",
        "ids",
        "storage",
        "winnowing",
    ),
}


def files(service: str, room: str = "") -> list[Path]:
    found = sorted((CHECKOUT / PACKAGES[service].replace(".", "/") / room).rglob("*.py"))
    assert found
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_the_domain_imports_plain_python_and_libraries_that_are_named_here(service: str) -> None:
    known = {*sys.stdlib_module_names, *LIBRARIES_OF_THE_DOMAIN, "shared", "services", "gateway"}
    strange = {
        (file.name, name)
        for file in files(service, "domain")
        for name in imported(file)
        if name.partition(".")[0] not in known
        or name in WIRES
        or (name.startswith("shared.") and name.split(".")[1] not in SHARED_BY_DOMAINS)
        or (name.startswith("services.") and name.split(".")[2:3] not in (["domain"], ["verify"]))
        or (name.startswith("gateway") and name.split(".")[1:2] != ["domain"])
    }
    assert not strange


def test_what_is_shared_knows_nobody_who_uses_it() -> None:
    users = {"services", "stack", "gateway", "migrations", "tests"}
    known = {
        (file.name, name)
        for file in sorted((CHECKOUT / "shared").rglob("*.py"))
        for name in imported(file)
        if name.partition(".")[0] in users
    }
    assert not known


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_knows_no_other_not_even_for_types_or_by_name(service: str) -> None:
    own = PACKAGES[service]
    ours = ("tests", "stack", "gateway", "services", "migrations")
    foreign = {
        (file.name, name)
        for file in files(service)
        for name in imported(file)
        if name.partition(".")[0] in ours and name != own and not name.startswith(own + ".")
    }
    assert not foreign
