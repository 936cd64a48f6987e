"""Whatever is wrong with a request is told in Chinese, too."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.learning import domain, routes
from services.learning.domain.xapi.chinese import in_chinese
from services.learning.domain.xapi.values import Version, instant

SAYING = {"Defect", "add", "_malformed", "matching"}
_ROOTS = [Path(str(package.__file__)).parent for package in (domain, routes)]


def sentences() -> Iterator[str]:
    """The last text that each call which notes a defect is given; what changes in it is x."""
    for path in (each for root in _ROOTS for each in sorted(root.rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and node.args:
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                said = node.args[-1]
                parts = getattr(said, "values", [said])
                if name in SAYING and any(isinstance(each, ast.Constant) for each in parts):
                    text = "".join(
                        str(each.value) if isinstance(each, ast.Constant) else "x" for each in parts
                    )
                    yield f"This is not {text}." if name == "matching" else text


def test_every_defect_has_its_words_in_chinese() -> None:
    found = [each for each in sentences() if each.endswith(".")]
    assert len(found) > 60
    assert [each for each in found if not in_chinese(each)] == []


@pytest.mark.parametrize("text", ["soon", "2026-11-22T08:00:00-00:00"])
@pytest.mark.parametrize("version", Version)
def test_what_is_no_time_is_told_in_chinese(text: str, version: Version) -> None:
    with pytest.raises(ValueError, match=r"\.") as refused:
        instant(text, version)
    assert in_chinese(str(refused.value))


def test_what_changes_in_a_sentence_is_told_as_it_is() -> None:
    assert in_chinese("The property {actor} is missing.") == "缺少属性 {actor}。"
    assert in_chinese("/mbox: This must be a string.") == "/mbox: 应为字符串。"
    assert in_chinese("Nobody said so.") == ""
