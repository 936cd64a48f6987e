"""What an inspection found, and what it made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

MOST_FINDINGS = 50
MOST_SAID = 200
MOST_SAID_CHARACTERS = 64 << 10

CODES: Final[Mapping[str, tuple[str, str]]] = {
    # About the upload: the same bytes under another name or claim may be in order.
    "digest-mismatch": (
        "收到的内容与申报的摘要不一致，请重新上传。",
        "The bytes that arrived are not those declared. Upload the file again.",
    ),
    "size-mismatch": (
        "收到的长度与申报的不一致，请重新上传。",
        "The length that arrived is not the one declared. Upload the file again.",
    ),
    "name-mismatch": (
        "文件扩展名与内容不符，请改用正确的扩展名。",
        "The file's name says another type than its content. Give it the right extension.",
    ),
    "type-mismatch": (
        "申报的类型与内容不符。",
        "The declared media type is not that of the content.",
    ),
    # About the bytes.
    "empty": ("文件为空。", "The file is empty."),
    "too-large": ("文件超过限制。", "The file is larger than its kind may be."),
    "type-not-accepted": (
        "不接受此类文件，请转换为允许的格式。",
        "Files of this type are not accepted. Convert it to one that is.",
    ),
    "damaged": (
        "文件已损坏或不完整，请重新保存。",
        "The file is damaged or cut short. Save it anew.",
    ),
    "unreadable": (
        "文件无法读取，请用原软件重新保存。",
        "The file cannot be read. Save it anew with the program that made it.",
    ),
    "too-costly": (
        "读取此文件所需的时间或内存超过限制，请简化或拆分。",
        "Reading the file takes more time or memory than is allowed. Simplify or split it.",
    ),
    "encrypted": ("文件已加密，请去除密码。", "The file is encrypted. Remove its password."),
    "polyglot": (
        "文件中藏有另一种格式，请重新导出。",
        "The file is also a file of another format. Export it anew.",
    ),
    "hidden-data": (
        "文件末尾或空隙中有多余数据，请重新保存。",
        "There is foreign data behind or between the parts of the file. Save it anew.",
    ),
    "script": ("文件含有脚本，请删除。", "It contains a script. Remove it."),
    "macro": ("文件含有宏，请另存为不含宏的格式。", "It contains macros. Save it without them."),
    "embedded-object": (
        "文件嵌有其他程序的对象，请删除或转为图片。",
        "It embeds an object of another program. Remove it or turn it into a picture.",
    ),
    "embedded-file": (
        "文件带有附件，或嵌有无法核查的图片、声音、视频；"
        "请删除附件，媒体请转为 PNG、MP3 或 MP4 再插入。",
        "A file is attached inside, or a picture, sound or film in it is of a kind that cannot be"
        " checked. Remove it, or convert it to PNG, MP3 or MP4 and insert it again.",
    ),
    "external-reference": (
        "文件会读取外部资源，请改为嵌入。",
        "It fetches something from elsewhere. Embed it instead.",
    ),
    "action": (
        "其中的动作或链接会启动程序、发送数据，或既不指向网页、也不指向同一文件夹中的资料。"
        "请删除，或改为以 https:// 开头的网址或同一文件夹中资料的文件名。",
        "An action or a link in it would start a program or send data, or leads neither to the web"
        " nor to a document that lies beside. Remove it, or give an address with https:// or the"
        " name of a document in the same folder.",
    ),
    "computed-field": (
        "其中有由另一个域拼出的域，无法看出它会做什么，请把域的类型和目标直接写明。",
        "Another field makes up a field in it, so that nobody can tell what it would do. Write out"
        " its kind and its target.",
    ),
    "dde": ("文件含有动态数据交换（DDE）域，请删除。", "It contains DDE fields. Remove them."),
    "active-form": (
        "文件含有 XFA 动态表单，请另存为普通 PDF。",
        "It is an XFA form. Print it to PDF.",
    ),
    "xml-entities": ("文件中的 XML 含有 DTD 或实体。", "Its XML declares a DTD or entities."),
    "bomb": ("解压后的大小远超文件本身。", "It expands to far more than it is."),
    "too-many": ("所含条目、页或帧过多。", "It has too many entries, pages, streams or frames."),
    "path-trick": (
        "压缩包内的文件名可能写到别处，请重新打包。",
        "A name inside would leave its folder or deceive. Pack it anew.",
    ),
    "link": ("压缩包内含链接或特殊文件。", "A link or a special file is inside."),
    "duplicate-name": ("压缩包内有同名文件。", "Two entries have the same name."),
    "inconsistent": (
        "压缩包目录与内容不一致，请重新打包。",
        "The archive's directory and its content disagree. Pack it anew.",
    ),
    "member-mismatch": (
        "压缩包内有扩展名与内容不符或不受支持的文件。",
        "The name of a file inside says another type than its content, or none that is accepted.",
    ),
    "nested-archive": (
        "压缩包内还有压缩包，请先解开。",
        "There is an archive in the archive. Unpack it first.",
    ),
    "too-many-pixels": (
        "图像超过五千万像素，请缩小。",
        "The image has over 50 megapixels. Scale it.",
    ),
    "codec": (
        "音视频编码不受支持，请转码。",
        "Its audio or video coding is not accepted. Transcode it.",
    ),
    "too-long": ("时长超过限制，请拆分。", "It plays for too long. Split it."),
    "encoding": (
        "文本编码须为 UTF-8、UTF-16 或 GB18030，且不含控制字符。",
        "Text must be UTF-8, UTF-16 or GB18030 without control characters.",
    ),
    "malware": ("文件含有恶意程序。", "A virus scanner recognised malware."),
}

OF_THE_UPLOAD: Final = frozenset(
    {"digest-mismatch", "size-mismatch", "name-mismatch", "type-mismatch"}
)


class Unreadable(Exception):
    """The file is not what it must be to be read on; `code` is one of `CODES`."""

    def __init__(self, code: str, where: str = "") -> None:
        super().__init__(code, where)
        self.code = code
        self.where = where


@dataclass(frozen=True, slots=True)
class Made:
    """A derivative in the work directory. `kind` is `thumbnail`, `preview`, `page`, `poster` or
    `text`; `number` counts from 1."""

    kind: str
    number: int
    media_type: str
    width: int | None = None
    height: int | None = None

    @property
    def filename(self) -> str:
        return f"{self.kind}-{self.number}"


@dataclass
class Report:
    """Filled while a file is inspected. ``work`` is a directory of its own.

    ``facts`` are what the content says of itself: `pages`, `page_images` (of the first pages),
    `scanned` (pages that are a picture without words), `slides`, `sheets`, `entries`,
    `leftovers` (of programs, among them), `width`, `height`, `frames`, `seconds`, `codecs`,
    `encoding`, `gps`, `characters`, `text_cut`,
    `text_parts` (see `texts.keep`), and `said`: what it says beside its text, as a title, an author
    or a bookmark, by the place where that stands.
    """

    work: Path
    inside: str = ""
    depth: int = 0
    media_type: str | None = None
    findings: list[dict[str, str]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    derivatives: list[Made] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    """Of the documents inside."""
    said: dict[str, str] = field(default_factory=dict)
    fault: str | None = None
    """The exception that a reader raised, for whoever runs the service."""
    content_code: str | None = None
    """An ISCC unit, where the format has one (`codes`)."""

    @property
    def clean(self) -> bool:
        return not self.findings

    def find(self, code: str, where: str = "") -> None:
        """Tell of a defect; `where` names the part, page or entry."""
        place = "/".join(part for part in (self.inside, where) if part)
        finding = found(code, place)
        if finding not in self.findings and len(self.findings) < MOST_FINDINGS:
            self.findings.append(finding)

    def member(self, name: str) -> "Report":
        """The report on something inside; its findings, its texts and what it says come here too,
        its facts do not."""
        inside = "/".join(part for part in (self.inside, name) if part)
        return Report(
            self.work,
            inside,
            self.depth + 1,
            findings=self.findings,
            texts=self.texts,
            said=self.said,
        )

    def say(self, where: str, words: str) -> None:
        """Keep what stands beside the text, such as an author's name, as long as there is room."""
        left = MOST_SAID_CHARACTERS - sum(map(len, self.said.values()))
        words = words.replace("\0", "").encode(errors="replace").decode().strip()
        if not words:
            return
        if len(self.said) >= MOST_SAID or len(words) > left:
            self.facts["text_cut"] = True
        if len(self.said) < MOST_SAID and left > 0:
            place = "/".join(part for part in (self.inside, where) if part)[:300]
            before = self.said.get(place)
            self.said[place] = f"{before}\n{words[:left]}" if before else words[:left]

    def make(
        self, kind: str, number: int, media_type: str, content: bytes, size: tuple[int, int] | None
    ) -> None:
        made = Made(kind, number, media_type, *(size or (None, None)))
        (self.work / made.filename).write_bytes(content)
        self.derivatives.append(made)


def found(code: str, where: str = "") -> dict[str, str]:
    """A finding as it is stored and told: code, where, and its meaning in both languages."""
    zh, en = CODES[code]
    return {"code": code, "where": where[:300], "detail": en, "detail_zh": zh}
