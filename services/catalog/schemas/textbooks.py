from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.catalog.application.textbooks import Choice, Contents, Kept
from services.catalog.domain.textbooks import MAX_BYTES, Chapter, Facet, Textbook
from services.catalog.domain.vocabularies import State
from services.catalog.schemas.vocabularies import Code, DefectView, Name, TermPosition

Said = Annotated[str, Field(max_length=200)]
Title = Annotated[str, Field(min_length=1, max_length=400)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")

    @property
    def cells(self) -> dict[str, str]:
        """What was given, as a row of a directory."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        texts = {name: "" if value is None else str(value) for name, value in given.items()}
        if "size" in texts:
            texts["bytes"] = texts.pop("size")
        return texts


class AddTextbook(_Request):
    """Each facet is told as a code, a name or an alias of its dictionary; another text is kept
    word for word, without a code, and answered as an oddity."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "title": "数学三年级上册",
                    "stage": "小学",
                    "subject": "数学",
                    "edition": "人教版",
                    "grade": "三年级",
                    "volume": "上册",
                    "publisher": "人民教育出版社",
                    "size": 31457280,
                }
            ]
        }
    )

    title: Title
    stage: Said = ""
    subject: Said = ""
    edition: Said = ""
    grade: Said = ""
    volume: Said = ""
    publisher: Said = ""
    size: int | None = Field(None, ge=0, le=MAX_BYTES, description="Bytes of its file.")
    source: Said = ""


class ChangeTextbook(AddTextbook):
    """What is left out stays."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"edition": "苏教版", "publisher": "江苏凤凰教育出版社"}]}
    )

    title: Title = Field(default_factory=str)
    state: State = Field(default_factory=lambda: State.ACTIVE)


class TextbookView(BaseModel):
    """``codes`` hold the dictionary's code of each facet that has one; ``texts`` what was said,
    word for word."""

    id: UUID
    title: str
    codes: dict[Facet, str]
    texts: dict[Facet, str]
    publisher: str
    size: int | None
    source: str
    state: State
    version: int

    @classmethod
    def of(cls, textbook: Textbook) -> Self:
        return cls(
            id=textbook.id,
            title=textbook.title,
            codes=dict(textbook.codes),
            texts=dict(textbook.texts),
            publisher=textbook.publisher,
            size=textbook.size,
            source=textbook.source,
            state=textbook.state,
            version=textbook.version,
        )


class TextbookKept(TextbookView):
    oddities: list[DefectView] = Field(description="What a person should look at.")

    @classmethod
    def kept(cls, kept: Kept) -> Self:
        return cls(
            **dict(TextbookView.of(kept.textbook)),
            oddities=[DefectView.of(each) for each in kept.oddities],
        )


class TextbookSummary(BaseModel):
    id: UUID
    title: str
    codes: dict[Facet, str]
    publisher: str
    state: State

    @classmethod
    def of(cls, textbook: Textbook) -> Self:
        return cls(
            id=textbook.id,
            title=textbook.title,
            codes=dict(textbook.codes),
            publisher=textbook.publisher,
            state=textbook.state,
        )


class ChoiceView(BaseModel):
    """A ``code`` of null stands for the texts that the dictionary does not know: list them with
    ``without``."""

    code: str | None
    name_zh: str | None
    name_en: str | None
    textbooks: int

    @classmethod
    def of(cls, choice: Choice) -> Self:
        return cls(
            code=choice.code,
            name_zh=choice.name_zh,
            name_en=choice.name_en,
            textbooks=choice.textbooks,
        )


class ChoicesView(BaseModel):
    """The next thing to choose; null when all is chosen and the textbooks are to be listed."""

    facet: Facet | None
    choices: list[ChoiceView]


class ChapterNode(_Request):
    """A chapter; those below it name its code as their ``parent``."""

    code: Code
    parent: Code | None = None
    title: Name
    position: TermPosition | None = Field(
        None, description="Its place among its siblings; none: as listed."
    )


class ReplaceChapters(_Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "chapters": [
                        {"code": "8", "title": "第八单元 分数的初步认识"},
                        {"code": "8.1", "parent": "8", "title": "几分之一"},
                        {"code": "8.2", "parent": "8", "title": "几分之几"},
                    ]
                }
            ]
        }
    )

    chapters: list[ChapterNode] = Field(max_length=5000)

    @property
    def tree(self) -> list[Chapter]:
        return [
            Chapter(
                code=node.code,
                title=node.title,
                parent=node.parent,
                position=place if node.position is None else node.position,
            )
            for place, node in enumerate(self.chapters, start=1)
        ]


class ChapterView(BaseModel):
    """``depth`` is 0 at the top."""

    code: str
    parent: str | None
    depth: int
    title: str
    position: int


class ChaptersView(BaseModel):
    """The chapters as they are read: each before those below it."""

    textbook_id: UUID
    chapters: list[ChapterView]

    @classmethod
    def of(cls, contents: Contents) -> Self:
        return cls(
            textbook_id=contents.textbook,
            chapters=[
                ChapterView(
                    code=chapter.code,
                    parent=chapter.parent,
                    depth=depth,
                    title=chapter.title,
                    position=chapter.position,
                )
                for chapter, depth in contents.chapters
            ],
        )
