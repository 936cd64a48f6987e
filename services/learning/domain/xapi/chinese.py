"""What is wrong with a request, in Chinese: rules say it in English, the language of xAPI.

``{}`` in a sentence stands for what changes in it, told as it is.
"""

import re
from collections.abc import Mapping

_CHINESE: Mapping[str, str] = {
    # of any value
    "This must be an object.": "应为对象。",
    "This must be an object of texts by language.": "应为以语言标签为键的文本对象。",
    "This must be an object of values by IRI.": "应为以 IRI 为键的对象。",
    "This must be a string.": "应为字符串。",
    "This must be true or false.": "应为 true 或 false。",
    "This must be a number.": "应为数字。",
    "This must be a whole number, not negative.": "应为非负整数。",
    "This must be an array.": "应为数组。",
    "This array must not be empty.": "数组不能为空。",
    "This must be {}.": "应为 {}。",
    "There is no such property here.": "此处没有该属性。",
    "null is allowed in extensions only.": "只有扩展中可以使用 null。",
    "The property {} is missing.": "缺少属性 {}。",
    "This property came with xAPI 2.0.0.": "该属性自 xAPI 2.0.0 起才有。",
    "This holds the character NUL: leave it out.": "含有 NUL 字符，请去掉。",
    "This holds the character NUL.": "含有 NUL 字符，请去掉。",
    "This holds half of a surrogate pair.": "含有不成对的代理字符。",
    "This is nested more than {} deep.": "嵌套超过 {} 层。",
    "This is not an IRI with its scheme.": "应为带协议名的 IRI。",
    "This is not a UUID in its standard form.": "应为标准格式的 UUID。",
    "This is not a media type.": "应为媒体类型。",
    "This is not a mailto IRI of an e-mail address.": "应为 mailto: 开头的邮箱 IRI。",
    "This is not a SHA-1 in hexadecimal.": "应为十六进制的 SHA-1。",
    "This is not a SHA-2 in hexadecimal.": "应为十六进制的 SHA-2。",
    "This is not a language tag (RFC 5646).": "应为语言标签（RFC 5646）。",
    "The key of an extension must be an IRI.": "扩展的键应为 IRI。",
    # of times
    "This is no ISO 8601 duration, such as PT1H30M.": "应为 ISO 8601 时长，如 PT1H30M。",
    "This is a hundred years or more.": "时长不能达到或超过一百年。",
    "This is no ISO 8601 time, such as {}.": "应为 ISO 8601 时间，如 {}。",
    "This is no RFC 3339 time, such as {}.": "应为 RFC 3339 时间，如 {}。",
    "The offset -00:00 says nothing: give the offset from UTC.": "时区偏移不能为 -00:00。",
    "This lies before {} or after {}.": "应在 {} 年至 {} 年之间。",
    # of statements
    "Two statements have this id.": "两条记录使用了同一编号。",
    "Only an activity as object has this.": "仅当 object 为活动时可以使用。",
    "A sub-statement holds no sub-statement.": "子记录中不能再有子记录。",
    "An authority that is a group is anonymous and has two members.": (
        "authority 为群组时应匿名且恰有两名成员。"
    ),
    "What is voided is named by a StatementRef.": "作废的对象应为 StatementRef。",
    "An agent has exactly one of {}.": "个人应恰有一项标识：{}。",
    "A group has at most one of {}.": "群组最多有一项标识：{}。",
    "A group without an identifier names its members.": "没有标识的群组应列出成员。",
    "Two components have the same id.": "两个选项使用了同一 id。",
    "An interaction says its interactionType.": "互动活动应填写 interactionType。",
    "An interaction of type {} has no {}.": "{} 类型的互动活动没有 {}。",
    "This lies between -1 and 1.": "应在 -1 至 1 之间。",
    "min is less than max.": "min 应小于 max。",
    "raw is not less than min.": "raw 不能小于 min。",
    "raw is not more than max.": "raw 不能大于 max。",
    "Leave out a person whose records were erased.": "此人的记录已被删除，请勿再发送。",
    "Say whose it is.": "请填写所属的人。",
    # of attachments and signatures
    "The bytes of the part {} have another SHA-2.": "{} 部分的内容与其 SHA-2 不符。",
    "The part {} has no media type as Content-Type.": "{} 部分的 Content-Type 不是媒体类型。",
    "Its bytes came neither as a part nor by a fileUrl.": "附件既未随请求发送，也没有 fileUrl。",
    "Its part has another Content-Type.": "与所发送部分的 Content-Type 不符。",
    "No statement has the attachment {}.": "没有记录使用附件 {}。",
    "A signature is {}.": "签名应为 {}。",
    "The signature did not come as a part.": "签名未随请求发送。",
    "What is signed is no statement.": "签名的内容不是学习记录。",
    "What is signed is another statement.": "签名的是另一条学习记录。",
    "This is no JSON web signature in compact form.": "应为紧凑格式的 JWS 签名。",
    "The signature does not verify with its certificate.": "签名与其证书不符。",
    # of bodies and headers
    "The body is not JSON: the member {} stands twice.": "请求体不是 JSON：成员 {} 重复。",
    "The body is not JSON: {}.": "请求体不是 JSON：{}。",
    "Send application/json or multipart/mixed.": "请发送 application/json 或 multipart/mixed。",
    "PUT takes one statement.": "PUT 只接受一条记录。",
    "The parameter names another id.": "与参数中的编号不同。",
    "The Content-Type has no boundary.": "Content-Type 缺少 boundary。",
    "The body does not end with its boundary.": "请求体未以 boundary 结尾。",
    "The body has no part.": "请求体没有任何部分。",
    "The first part is application/json.": "第一部分应为 application/json。",
    "An attachment has Content-Transfer-Encoding: binary.": (
        "附件应有 Content-Transfer-Encoding: binary。"
    ),
    "An attachment has X-Experience-API-Hash.": "附件应有 X-Experience-API-Hash。",
    "A part has no blank line behind its headers.": "某部分的标头之后缺少空行。",
    "Send {}: {}.": "请发送 {}: {}。",
    "At this path it is {}.": "此路径的版本为 {}。",
    # of parameters
    "There is no such parameter here.": "此处没有该参数。",
    "This parameter is missing.": "缺少该参数。",
    "A parameter is repeated.": "参数重复。",
    "This is true or false.": "应为 true 或 false。",
    "This is a whole number, not negative.": "应为非负整数。",
    "This is no JSON.": "不是 JSON。",
    "This is {}.": "应为 {}。",
    "This has more than {} bytes.": "超过 {} 字节。",
    "Ask for one statement.": "请只查询一条记录。",
    "An anonymous group cannot be asked for.": "不能按匿名群组查询。",
    "Take it from more of the page before.": "请使用上一页所给的 more。",
    "This resource does not have that method.": "该资源不支持此方法。",
    "Send the request with its own method.": "请用请求自身的方法发送。",
    "Beside it, everything stands in the form.": "除 method 外，其余均应写在表单中。",
    "Its body is {}.": "请求体应为 {}。",
    "The form has no content.": "表单缺少 content。",
}
_PATTERNS = [
    (re.compile(re.escape(en).replace(r"\{\}", "(.+)"), re.DOTALL), zh)
    for en, zh in _CHINESE.items()
    if "{}" in en
]


def in_chinese(detail: str) -> str:
    """The sentence, behind the pointer before it if there is one; empty where there is none."""
    pointer, colon, rest = detail.partition(": ") if detail.startswith("/") else ("", "", detail)
    found = _CHINESE.get(rest) or next(
        (zh.format(*match.groups()) for each, zh in _PATTERNS if (match := each.fullmatch(rest))),
        "",
    )
    return found and f"{pointer}{colon}{found}"
