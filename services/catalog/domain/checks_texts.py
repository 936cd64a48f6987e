"""What is told of each defect: how bad it is, what it is, and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """An error keeps a draft from being frozen; a warning is for the owner and reviewers to weigh;
    advice makes it better."""

    ERROR = "error"
    WARNING = "warning"
    ADVICE = "advice"


@dataclass(frozen=True, slots=True)
class Text:
    """What it is, and what to do, in both languages; `{name}` is filled in from the defect."""

    level: Level
    detail_zh: str
    detail: str
    advice_zh: str
    advice: str


_E, _W, _A = Level.ERROR, Level.WARNING, Level.ADVICE

TEXTS: Mapping[str, Text] = {
    "missing": Text(
        _E, "缺少{name_zh}（GB/T 41469 {number}）", "{name} is missing (GB/T 41469 {number})",
        "请填写{name_zh}", "Fill in {name}.",
    ),
    "no-author": Text(
        _E, "贡献者中没有作者", "No contributor is an author",
        "请至少注明一位作者", "Name at least one author.",
    ),
    "no-stage": Text(
        _A, "未填写学段或年级", "Neither stage nor grade is given",
        "填写后更易被检索到", "Give them: it is found more easily.",
    ),
    "short-description": Text(
        _A, "描述过短", "The description is very short",
        "请说明内容、用法和适用情境", "Say what it holds, and how it is used.",
    ),
    "unknown-term": Text(
        _E, "字典 {dictionary} 中没有代码 {code}", "The dictionary {dictionary} has no {code}",
        "请改用字典中的代码", "Choose a code of the dictionary.",
    ),
    "retired-term": Text(
        _E, "字典 {dictionary} 中的代码 {code} 已停用", "{code} of {dictionary} is retired",
        "请改用现行代码", "Choose one in use.",
    ),
    "stage-mismatch": Text(
        _E, "年级 {grades} 不属于学段 {stage}", "No grade among {grades} is of the stage {stage}",
        "请改正其一；各学段所含年级见学段字典",
        "Correct one of the two; the dictionary of stages says which grades each has.",
    ),
    "grade-beyond-stage": Text(
        _W, "年级 {grade} 不属于学段 {stage}", "The grade {grade} is not of the stage {stage}",
        "如非衔接用资源，请改正其一", "Correct one of the two unless it bridges both stages.",
    ),
    "unknown-textbook": Text(
        _E, "没有该教材", "There is no such textbook",
        "请从教材目录中选择", "Choose one of the directory.",
    ),
    "retired-textbook": Text(
        _W, "该教材已停用", "The textbook is no longer used",
        "请确认是否改用现行教材", "See whether a newer one takes its place.",
    ),
    "textbook-mismatch": Text(
        _E, "{element} 与所选教材不符（教材为 {expected}）",
        "{element} does not fit the textbook, which has {expected}",
        "请改正其一", "Correct one of the two.",
    ),
    "chapters-without-textbook": Text(
        _E, "填写了章节但未选教材", "Chapters are given without a textbook",
        "请选择教材", "Choose the textbook.",
    ),
    "unknown-chapter": Text(
        _E, "该教材没有章节 {code}", "The textbook has no chapter {code}",
        "请从教材的章节中选择", "Choose one of its chapters.",
    ),
    "points-without-subject": Text(
        _E, "填写了知识点但未填学科", "Knowledge points are given without a subject",
        "请填写学科", "Give the subject.",
    ),
    "unknown-point": Text(
        _E, "该学科没有知识点 {code}", "The subject has no knowledge point {code}",
        "请从该学科的知识点中选择", "Choose one of its knowledge graph.",
    ),
    "no-rights-basis": Text(
        _E, "未声明权利依据", "No rights basis is declared",
        "请声明自有、受让、许可、公有领域或法定依据", "Declare on which basis you supply it.",
    ),
    "no-licensor": Text(
        _E, "未注明许可人或转让人", "Whoever licensed or assigned it is not named",
        "请填写 licensor", "Name the licensor.",
    ),
    "no-licence-terms": Text(
        _E, "许可使用但未写许可条件", "It is licensed, but the terms are missing",
        "请填写 terms", "Write the terms.",
    ),
    "no-licence-dates": Text(
        _E, "许可使用但未写起始日期", "It is licensed, but since when is missing",
        "请填写 valid_from，有期限的填写 valid_until",
        "Give valid_from, and valid_until unless it has no end.",
    ),
    "licence-not-begun": Text(
        _E, "许可自 {date} 起生效", "The licence begins on {date}",
        "请在生效后提交", "Wait for that day.",
    ),
    "licence-expired": Text(
        _E, "许可已于 {date} 到期", "The licence ended on {date}",
        "请续期后提交", "Renew it first.",
    ),
    "licence-ends-soon": Text(
        _W, "许可将于 {date} 到期", "The licence ends on {date}",
        "请准备续期", "See to its renewal.",
    ),
    "statutory-not-platform-wide": Text(
        _W, "课堂使用的例外（著作权法第二十四条第六项）不包括在平台上向公众提供",
        "The classroom exception (Copyright Law art. 24(6)) does not cover publication to all",
        "请取得许可，或限于注册学生使用（信息网络传播权保护条例第八条）",
        "Obtain a licence, or keep to registered pupils (Regulations on information networks, 8).",
    ),
    "no-statute": Text(
        _E, "法定依据未写明条款", "Which clause the statutory basis rests on is missing",
        "请在 terms 中写明", "Name it in terms.",
    ),
    "public-domain-unexplained": Text(
        _W, "未说明为何属于公有领域", "Why it is in the public domain is not said",
        "请在 terms 中说明，如作者卒年", "Say so in terms, as the year the author died.",
    ),
    "licence-looser-than-part": Text(
        _W, "所含资源 {code} 的许可（{theirs}）比本资源（{ours}）更严",
        "The licence of {code} ({theirs}) is stricter than that of this resource ({ours})",
        "请改用相容的许可，或另行取得授权", "Choose a licence that fits, or get permission.",
    ),
    "no-relations": Text(
        _A, "未填写与其他资源的关系（7.1，标准中为必选）",
        "No relation to another resource is given (7.1, mandatory in the standard)",
        "如包含、属于其他资源或与其相关，请填写 relations",
        "Give relations where it contains, is part of or is related to another.",
    ),
    "unknown-related": Text(
        _E, "关联的资源或版本不存在", "The related resource, or its version, does not exist",
        "请检查 resource_id 和 version", "Check resource_id and version.",
    ),
    "related-to-itself": Text(
        _E, "资源关联了自身", "The resource is related to itself",
        "请删除该关联", "Remove the relation.",
    ),
    "relations-contradict": Text(
        _E, "第 {number} 项与第 {other} 项关联矛盾：不能既包含又属于同一资源",
        "Relations {number} and {other} contradict: it contains a resource and is part of it",
        "请删除其一", "Remove one of the two.",
    ),
    "repeated": Text(
        _W, "第 {number} 项与第 {same} 项重复", "Entry {number} repeats entry {same}",
        "请删除其一", "Remove one of the two.",
    ),
    "personal-id-number": Text(
        _E, "含身份证号码 {masked}{place_zh}", "An ID number: {masked}{place}",
        "请删除或遮盖", "Remove or blacken it.",
    ),
    "personal-student-number": Text(
        _E, "含学籍号 {masked}{place_zh}", "A 学籍号: {masked}{place}",
        "请删除或遮盖", "Remove or blacken it.",
    ),
    "personal-passport": Text(
        _W, "含疑似护照号码 {masked}{place_zh}",
        "What looks like a passport number: {masked}{place}",
        "请核对并删除", "Look at it, and remove it.",
    ),
    "personal-travel-permit": Text(
        _W, "含疑似通行证号码 {masked}{place_zh}",
        "What looks like the number of a travel permit: {masked}{place}",
        "请核对并删除", "Look at it, and remove it.",
    ),
    "personal-old-id-number": Text(
        _W, "含疑似 15 位身份证号码 {masked}{place_zh}",
        "What looks like an ID number of 15 digits: {masked}{place}",
        "请核对并删除", "Look at it, and remove it.",
    ),
    "personal-school-number": Text(
        _W, "含疑似学号 {masked}{place_zh}",
        "What looks like a pupil's number: {masked}{place}",
        "如为真实学生的学号，请删除", "Remove it if it is that of a pupil.",
    ),
    "personal-address": Text(
        _W, "含疑似住址 {masked}{place_zh}", "What looks like a home address: {masked}{place}",
        "如为真实住址，请删除", "Remove it if somebody lives there.",
    ),
    "personal-qq": Text(
        _W, "含 QQ 号 {masked}{place_zh}", "A QQ number: {masked}{place}",
        "如非公开联系方式，请删除", "Remove it unless it is meant to be public.",
    ),
    "personal-wechat": Text(
        _W, "含微信号 {masked}{place_zh}", "A WeChat id: {masked}{place}",
        "如非公开联系方式，请删除", "Remove it unless it is meant to be public.",
    ),
    "personal-phone": Text(
        _W, "含手机号码 {masked}{place_zh}", "A mobile phone number: {masked}{place}",
        "如非公开联系方式，请删除", "Remove it unless it is meant to be public.",
    ),
    "personal-landline": Text(
        _W, "含固定电话 {masked}{place_zh}", "A telephone number: {masked}{place}",
        "如非公开联系方式，请删除", "Remove it unless it is meant to be public.",
    ),
    "personal-email": Text(
        _W, "含电子邮箱 {masked}{place_zh}", "An email address: {masked}{place}",
        "如非公开联系方式，请删除", "Remove it unless it is meant to be public.",
    ),
    "personal-bank-card": Text(
        _W, "含疑似银行卡号 {masked}{place_zh}", "What looks like a bank card: {masked}{place}",
        "请核对并删除", "Look at it, and remove it.",
    ),
    "personal-more": Text(
        _W, "另有 {count} 处疑似个人信息", "{count} more places look like personal data",
        "请全面检查该文件", "Go through the whole file.",
    ),
    "no-files": Text(
        _E, "没有文件", "There is no file",
        "请上传并附上文件", "Upload a file and attach it.",
    ),
    "no-main-file": Text(
        _E, "没有主文件", "No file is the main one",
        "请将一个文件的 role 设为 main", "Give one file the role main.",
    ),
    "not-inspected": Text(
        _E, "文件 {filename} 尚未检查完毕", "{filename} has not yet been inspected",
        "请稍候再试", "Wait a little.",
    ),
    "refused": Text(
        _E, "文件 {filename} 未通过检查：{reasons_zh}", "{filename} was refused: {reasons}",
        "请更换文件", "Replace the file.",
    ),
    "damaged": Text(
        _E, "存储中的文件 {filename} 已损坏，无法读取",
        "What is stored of {filename} is damaged and cannot be read",
        "请重新上传同一文件，检查通过后即修复，无需改动草稿",
        "Upload the same file once more: that repairs it, and the draft stays as it is.",
    ),
    "upload-gone": Text(
        _E, "文件 {filename} 的上传已失效", "The upload of {filename} has come to nothing",
        "请重新上传", "Upload it again.",
    ),
    "no-text-layer": Text(
        _W, "PDF {filename} 只有图像而无文字", "The PDF {filename} is images without text",
        "请用文字识别（OCR）后重新导出", "Run text recognition over it, and export it anew.",
    ),
    "page-images-cut": Text(
        _A, "{filename} 共 {pages} 页，只有前 {shown} 页有页面图像",
        "Of the {pages} pages of {filename} the first {shown} alone have images",
        "在线预览只显示这些页，其余须下载；可拆分为几个文件",
        "Previews show those alone, and downloads show all; you may split it.",
    ),
    "empty-text": Text(
        _W, "未能从 {filename} 中读出文字", "No text could be read from {filename}",
        "请确认文件内容", "See whether it holds what it should.",
    ),
    "duplicate-own": Text(
        _W, "文件已在您的资源 {code} 中", "The file is in your resource {code} already",
        "请确认是否重复", "See whether one of the two is enough.",
    ),
    "duplicate-other": Text(
        _W, "文件与已发布的资源 {code} 相同", "The file is one of the published resource {code}",
        "请引用该资源，或说明您的权利", "Refer to that resource, or explain your rights.",
    ),
    "near-duplicate-own": Text(
        _A, "文字约有 {percent}% 与您的资源 {code} 相同",
        "Some {percent}% of the text is that of your resource {code}",
        "请确认是否重复", "See whether one of the two is enough.",
    ),
    "near-duplicate-other": Text(
        _W, "文字约有 {percent}% 与已发布的资源 {code} 相同",
        "Some {percent}% of the text is that of the published resource {code}",
        "请注明出处或引用该资源", "Name the source, or refer to that resource.",
    ),
    "registered-same": Text(
        _W, "文件与已登记的作品 {code} 相同", "The file is one of the registered work {code}",
        "如为您本人的作品可忽略；否则请说明您的权利",
        "Ignore it if the work is yours; else explain your rights.",
    ),
    "registered-text": Text(
        _W, "文字约有 {percent}% 与已登记的作品 {code} 相同",
        "Some {percent}% of the text is that of the registered work {code}",
        "请注明出处，或说明您的权利", "Name the source, or explain your rights.",
    ),
    "registered-alike": Text(
        _W, "文件与已登记的作品 {code} 相似", "The file is like one of the registered work {code}",
        "请核对，必要时说明您的权利", "Look at it, and explain your rights where they matter.",
    ),
    "register-not-compared": Text(
        _A, "未与版权登记库比对", "It was not compared with the register of copyright",
        "登记服务暂时无法应答，提交不受影响",
        "The register does not answer now; that keeps nothing from being submitted.",
    ),
    "cover-not-image": Text(
        _E, "封面 {filename} 不是图片", "The cover {filename} is no image",
        "请换用图片，或更改文件角色", "Choose an image, or give the file another role.",
    ),
    "captions-not-timed": Text(
        _W, "{filename} 不是字幕文件，或没有一条字幕",
        "{filename} is no file of captions, or has not a single one",
        "请换用有内容的 .vtt 或 .srt 文件，或更改文件角色",
        "Attach a .vtt or .srt file with words in it, or give the file another role.",
    ),
    "transcript-without-words": Text(
        _W, "文字稿 {filename} 中没有文字", "The transcript {filename} has no words",
        "请换用含文字的文件，或更改文件角色",
        "Attach a file of words, or give the file another role.",
    ),
    "no-alt-text": Text(
        _W, "图片 {filename} 没有替代文字", "The image {filename} has no alternative text",
        "请填写 alt_text", "Write alt_text.",
    ),
    "no-captions": Text(
        _W, "视频 {filename} 没有字幕", "The video {filename} has no captions",
        "请附上该视频的字幕文件（.vtt 或 .srt，与视频同名），或声明已内嵌字幕",
        "Attach its own file of captions (.vtt or .srt, of the same name), or say that they are"
        " part of the picture.",
    ),
    "no-transcript": Text(
        _W, "音频 {filename} 没有文字稿", "The recording {filename} has no transcript",
        "请填写或附上文字稿", "Write or attach one.",
    ),
    "reading-order-unchecked": Text(
        _A, "未核对阅读顺序", "The order of reading has not been checked",
        "核对后请在 accessibility 中声明", "Check it, and say so in accessibility.",
    ),
}  # fmt: skip
"""By the stable code of the defect."""
