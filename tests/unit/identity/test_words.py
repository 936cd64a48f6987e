"""Whatever stops somebody is told in Chinese too."""

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import services.identity
from shared.errors import DomainError

ROOT = Path(next(iter(services.identity.__path__)))


def known(error: type[DomainError]) -> Iterator[type[DomainError]]:
    """Errors below `error` that are raised with their own words."""
    for each in error.__subclasses__():
        if "__init__" not in vars(each) or "zh" in (each.__init__.__kwdefaults__ or {}):
            yield each
        yield from known(each)


@pytest.fixture(scope="module")
def errors() -> set[str]:
    for module in pkgutil.walk_packages(services.identity.__path__, "services.identity."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    ours = ("services.identity.", "shared.")
    return {each.__name__ for each in known(DomainError) if each.__module__.startswith(ours)}


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """The calls in a module of what has a simple name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id, node


def test_every_error_that_says_what_to_do_says_it_in_chinese(errors: set[str]) -> None:
    told_in_english_alone = [
        f"{path.relative_to(ROOT)}:{call.lineno}: {ast.unparse(call)}"
        for path in sorted(ROOT.rglob("*.py"))
        for name, call in calls(path)
        if name in errors
        and call.args
        and not any(each.arg == "zh" for each in call.keywords)
        and not is_chinese(call.args[0])
    ]
    assert told_in_english_alone == []


def test_every_defect_of_a_request_is_told_in_chinese() -> None:
    told_in_english_alone = [
        f"{path.name}:{call.lineno}: {ast.unparse(call)}"
        for path in sorted((ROOT / "schemas").glob("*.py"))
        for name, call in calls(path)
        if name == "ValueError" and len(call.args) != 2
    ]
    assert told_in_english_alone == []


def is_chinese(sentence: ast.expr) -> bool:
    """Rosters are read, and judged, in Chinese."""
    return any("\u4e00" <= each <= "\u9fff" for each in ast.unparse(sentence))
