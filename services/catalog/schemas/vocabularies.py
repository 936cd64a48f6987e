from collections import Counter
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.catalog.application.vocabularies import Edited, Revision, Summary
from services.catalog.application.vocabularies_imports import Kind, Report
from services.catalog.domain.vocabularies import Fault, Lexicon, State, Term
from services.catalog.domain.vocabularies_plans import Defect

Code = Annotated[
    str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="Code of a term.")
]
DictionaryCode = Annotated[
    str,
    Field(
        pattern="^[a-z][a-z0-9_]{0,39}$", description="Code of a dictionary.", examples=["edition"]
    ),
]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
EnglishName = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
TermPosition = Annotated[int, Field(ge=0, le=999_999, description="Its place in lists.")]
Aliases = Annotated[
    list[Name],
    Field(max_length=50, description="Other texts that mean it, exactly as they are written."),
]
Crosswalk = Annotated[
    dict[Name, Name],
    Field(
        max_length=20,
        description="Its code or name in other lists, by list. Of a stage, `grade` has the "
        "codes of its grades, parted by spaces.",
    ),
]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AddTerm(_Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "code": "suke",
                    "name_zh": "苏科版",
                    "name_en": "Suke edition",
                    "aliases": ["江苏科技版"],
                    "position": 300,
                }
            ]
        }
    )

    code: Code
    parent: Code | None = None
    name_zh: Name
    name_en: EnglishName = ""
    aliases: Aliases = []
    crosswalk: Crosswalk = {}
    position: TermPosition = 0

    @property
    def term(self) -> Term:
        return Term(**{**dict(self), "aliases": tuple(dict.fromkeys(self.aliases))})


class ChangeTerm(_Request):
    """What is left out stays. A retired term stays readable and can be made active again."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name_en": "Primary school", "position": 20}]}
    )

    # Defaults that no contract shows: what is absent has none.
    parent: Code | None = Field(default_factory=lambda: None)
    name_zh: Name = Field(default_factory=str)
    name_en: EnglishName = Field(default_factory=str)
    aliases: Aliases = Field(default_factory=list)
    crosswalk: Crosswalk = Field(default_factory=dict)
    position: TermPosition = Field(default_factory=int)
    state: State = Field(default_factory=lambda: State.ACTIVE)

    @property
    def changes(self) -> dict[str, Any]:
        given = {name: getattr(self, name) for name in self.model_fields_set}
        if "aliases" in given:
            given["aliases"] = tuple(dict.fromkeys(self.aliases))
        return given


class DictionarySummary(BaseModel):
    """``terms`` counts the active ones."""

    code: str
    title_zh: str
    title_en: str
    hierarchical: bool
    version: int
    updated_at: datetime
    terms: int

    @classmethod
    def of(cls, summary: Summary) -> Self:
        dictionary = summary.dictionary
        return cls(
            code=dictionary.code,
            title_zh=dictionary.title_zh,
            title_en=dictionary.title_en,
            hierarchical=dictionary.hierarchical,
            version=dictionary.version,
            updated_at=dictionary.updated_at,
            terms=summary.terms,
        )


class TermView(BaseModel):
    """``since`` is the version of the dictionary since which the term stands as it does."""

    code: str
    parent: str | None
    name_zh: str
    name_en: str
    aliases: list[str]
    crosswalk: dict[str, str]
    position: int
    state: State
    since: int

    @classmethod
    def of(cls, term: Term) -> Self:
        return cls(
            code=term.code,
            parent=term.parent,
            name_zh=term.name_zh,
            name_en=term.name_en,
            aliases=list(term.aliases),
            crosswalk=dict(term.crosswalk),
            position=term.position,
            state=term.state,
            since=term.since,
        )

    @classmethod
    def edited(cls, edited: Edited) -> Self:
        return cls.of(edited.term)


class DictionaryView(BaseModel):
    """A dictionary with all its terms in order, retired ones too."""

    code: str
    title_zh: str
    title_en: str
    hierarchical: bool
    version: int
    updated_at: datetime
    terms: list[TermView]

    @classmethod
    def of(cls, lexicon: Lexicon) -> Self:
        dictionary = lexicon.dictionary
        return cls(
            code=dictionary.code,
            title_zh=dictionary.title_zh,
            title_en=dictionary.title_en,
            hierarchical=dictionary.hierarchical,
            version=dictionary.version,
            updated_at=dictionary.updated_at,
            terms=[TermView.of(term) for term in lexicon.terms.values()],
        )


class RevisionView(BaseModel):
    """One version: the codes that came or changed with it, and who made it."""

    version: int
    at: datetime
    actor: str = Field(description="Id of the person or client who made it.")
    added: list[str]
    changed: list[str]

    @classmethod
    def of(cls, revision: Revision) -> Self:
        return cls(
            version=revision.version,
            at=revision.at,
            actor=revision.actor,
            added=list(revision.added),
            changed=list(revision.changed),
        )


class DefectView(BaseModel):
    """``line`` counts the records of the file, the headings being 1. ``value`` is as written.
    ``odd``: the row is applied as it stands; nothing was guessed."""

    line: int
    column: str
    value: str
    code: Fault
    detail: str
    odd: bool

    @classmethod
    def of(cls, defect: Defect) -> Self:
        return cls(
            line=defect.line,
            column=defect.column,
            value=defect.value,
            code=defect.code,
            detail=defect.detail,
            odd=defect.odd,
        )


class Tally(BaseModel):
    column: str
    code: Fault
    count: int


class ImportReport(BaseModel):
    """What an import did or, as a dry run, would do."""

    kind: Kind
    encoding: str = Field(description="How the file was read.")
    applied: bool
    rows: int
    added: int
    changed: int
    unchanged: int
    tally: list[Tally] = Field(description="How many defects of which kind in which column.")
    defects: list[DefectView]

    @classmethod
    def of(cls, report: Report) -> Self:
        counts = Counter((defect.column, defect.code) for defect in report.defects)
        return cls(
            kind=report.kind,
            encoding=report.encoding,
            applied=report.applied,
            rows=report.rows,
            added=report.added,
            changed=report.changed,
            unchanged=report.unchanged,
            tally=[
                Tally(column=column, code=code, count=count)
                for (column, code), count in sorted(counts.items())
            ],
            defects=[DefectView.of(defect) for defect in report.defects],
        )
