"""Every reason that a check can give has its Chinese."""

import ast
import re
from importlib.resources import files

import pytest

from services.copyright.verify.chinese import in_chinese

MODULES = (
    "merkle",
    "signatures",
    "trust",
    "timestamps",
    "bundle",
    "events",
    "logged",
    "registered",
    "seal",
)
GIVEN_TO_OPERATORS = ("last_size is", "not a trust file")
"""Those of a trust file that cannot be read: the program tells them on its own line."""


def reasons() -> list[str]:
    """The first argument of whatever these modules raise, with 7 for what stands in braces."""
    found = set()
    for module in MODULES:
        source = files("services.copyright.verify").joinpath(f"{module}.py").read_text("utf-8")
        for node in ast.walk(ast.parse(source)):
            call = node.exc if isinstance(node, ast.Raise) else None
            if isinstance(call, ast.Call) and len(call.args) == 1:
                match call.args[0]:
                    case ast.Constant(value=str(text)):
                        found.add(text)
                    case ast.JoinedStr(values=values):
                        parts = [v.value if isinstance(v, ast.Constant) else "7" for v in values]
                        found.add("".join(map(str, parts)))
    return sorted(each for each in found if not each.startswith(GIVEN_TO_OPERATORS))


@pytest.mark.parametrize("reason", reasons())
def test_a_reason_is_told_in_chinese(reason: str) -> None:
    if re.fullmatch("7: .*", reason) and in_chinese(reason).endswith("：7"):
        return  # the inner reason is told by itself
    assert re.search("[\u4e00-\u9fff]", in_chinese(reason)), reason


def test_what_is_not_ours_is_told_as_it_is() -> None:
    assert in_chinese("[Errno 2] No such file") == "[Errno 2] No such file"
    assert in_chinese("a.tsr: the time-stamp is about something else") == (
        "a.tsr：时间戳针对的是其他内容"
    )
