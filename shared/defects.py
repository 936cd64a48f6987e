"""What is wrong with a request, every defect at once: its place, and a sentence.

Pydantic speaks English; its common defects are told in Chinese from a table here. A validator of
ours raises ``ValueError("Leave control characters out.", "请去掉控制字符。")``; where it gives one
language only, that one is told.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from fastapi.exceptions import RequestValidationError

from shared.context import worded

_DATE = "应为日期，如 2026-09-01"
_TIME = "应为时间，如 2026-09-01T08:00:00+08:00"

CHINESE: Mapping[str, str] = {
    "missing": "缺少此项",
    "extra_forbidden": "不接受此项",
    "none_required": "应为 null",
    "string_type": "应为字符串",
    "string_too_short": "至少 {min_length} 个字符",
    "string_too_long": "最多 {max_length} 个字符",
    "string_pattern_mismatch": "格式不正确，应符合 {pattern}",
    "string_unicode": "应为 UTF-8 文本",
    "enum": "应为其中之一：{expected}",
    "literal_error": "应为其中之一：{expected}",
    "bool_type": "应为 true 或 false",
    "bool_parsing": "应为 true 或 false",
    "int_type": "应为整数",
    "int_parsing": "应为整数",
    "int_from_float": "应为整数",
    "int_parsing_size": "整数过大",
    "float_type": "应为数字",
    "float_parsing": "应为数字",
    "finite_number": "应为有限的数",
    "greater_than": "应大于 {gt}",
    "greater_than_equal": "不得小于 {ge}",
    "less_than": "应小于 {lt}",
    "less_than_equal": "不得大于 {le}",
    "multiple_of": "应为 {multiple_of} 的倍数",
    "list_type": "应为数组",
    "set_type": "应为数组",
    "tuple_type": "应为数组",
    "too_short": "至少 {min_length} 项",
    "too_long": "最多 {max_length} 项",
    "dict_type": "应为对象",
    "model_type": "应为对象",
    "model_attributes_type": "应为对象",
    "uuid_type": "应为 UUID",
    "uuid_parsing": "应为 UUID",
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
    "date_past": "应为过去的日期",
    "date_future": "应为将来的日期",
    "datetime_type": _TIME,
    "datetime_parsing": _TIME,
    "datetime_from_date_parsing": _TIME,
    "datetime_object_invalid": _TIME,
    "timezone_aware": "时间应带时区",
    "url_type": "应为网址",
    "url_parsing": "应为网址",
    "url_scheme": "网址应以此开头：{expected_schemes}",
    "url_too_long": "网址最长 {max_length} 个字符",
}


def defects(error: RequestValidationError) -> list[dict[str, str]]:
    """Each defect in the language of the request, with a JSON pointer (RFC 6901, fragment form)
    into the body, or with the name of the parameter at fault."""
    found = []
    for defect in error.errors():
        place, *path = defect["loc"]
        if place == "body":
            where = {"pointer": "#" + "".join(f"/{_escaped(part)}" for part in path)}
        else:
            where = {"parameter": ".".join(map(str, path)), "in": str(place)}
        found.append({**where, "detail": _sentence(defect)})
    return found


def _sentence(defect: Mapping[str, Any]) -> str:
    context = defect.get("ctx", {})
    match context.get("error"):
        case ValueError(args=(str(en), str(zh))):
            return worded(en, zh)
        case ValueError() as error:
            return str(error)
        case _:
            choices = str(context.get("expected", "")).replace(" or ", "、")
            chinese = CHINESE.get(defect["type"], "")
            return worded(defect["msg"], chinese.format_map({**context, "expected": choices}))


def _escaped(part: str | int) -> str:
    return quote(str(part).replace("~", "~0").replace("/", "~1"))
