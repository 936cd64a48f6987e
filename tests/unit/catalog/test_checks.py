"""The rules of the check, each on what it is about."""

import string
from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from services.catalog.domain import (
    checks_files,
    checks_metadata,
    checks_personal,
    checks_rights,
    files,
    uploads,
)
from services.catalog.domain.checks import (
    Defect,
    Duplicate,
    Examined,
    ExaminedFile,
    Registered,
    Related,
    Rule,
    Similar,
    TextbookFacts,
    run,
)
from services.catalog.domain.checks_rules import RULES
from services.catalog.domain.checks_texts import TEXTS, Level
from services.catalog.domain.metadata import ELEMENTS, Obligation, grades_of
from services.catalog.domain.resources import FileRole
from services.catalog.domain.vocabularies import State, Term

TODAY = date(2026, 11, 22)


def examined(metadata: dict[str, Any] | None = None, **others: Any) -> Examined:
    return Examined(metadata or {}, TODAY, **others)


def clean(**others: Any) -> ExaminedFile:
    told: dict[str, Any] = {
        "position": 0,
        "role": FileRole.MAIN,
        "filename": "课.pdf",
        "alt_text": None,
        "upload_state": uploads.State.AVAILABLE,
        "file_state": files.State.CLEAN,
        "media_type": "application/pdf",
        "facts": {"pages": 1, "characters": 500},
        **others,
    }
    return ExaminedFile(**told)


def codes(rule: Rule, about: Examined) -> list[str]:
    return [each.code for each in rule(about)]


def basis(**told: Any) -> Examined:
    return examined({"rights_basis": told})


def test_every_text_is_told_in_both_languages_with_the_same_places() -> None:
    def places(text: str) -> set[str]:
        return {
            name.removesuffix("_zh") for _, name, _, _ in string.Formatter().parse(text) if name
        }

    for code, told in TEXTS.items():
        assert all((told.detail, told.detail_zh, told.advice, told.advice_zh)), code
        assert places(told.detail) == places(told.detail_zh), code


def test_an_empty_draft_lacks_every_mandatory_element() -> None:
    found = list(checks_metadata.mandatory_elements(examined()))
    mandatory = [each.name for each in ELEMENTS if each.obligation is Obligation.MANDATORY]
    assert [each.pointer for each in found] == [f"#/metadata/{name}" for name in mandatory]


def test_errors_come_first() -> None:
    levels = [each.level for each in run(RULES, examined({"description": "短"}))]
    assert levels == sorted(levels, key=list(Level).index)
    assert {Level.ERROR, Level.ADVICE} <= set(levels)


def test_an_author_is_asked_for() -> None:
    said = {"contributors": [{"name": "李", "role": "editor"}]}
    assert codes(checks_metadata.an_author, examined(said)) == ["no-author"]
    said["contributors"].append({"name": "张", "role": "author"})
    assert codes(checks_metadata.an_author, examined(said)) == []


def test_relations_are_advised() -> None:
    said: dict[str, Any] = {"stage": "primary"}
    assert codes(checks_metadata.found_easily, examined(said)) == ["no-relations"]
    said["relations"] = [{"relationship": "related", "identifier": "ISBN 978-7-107-30000-0"}]
    assert codes(checks_metadata.found_easily, examined(said)) == []


ALL_GRADES = {("grade", f"G{number}"): State.ACTIVE for number in range(1, 13)}


@pytest.mark.parametrize(
    ("of_stage", "grades", "expected"),
    [
        ("G1 G2 G3", ["G1", "G3"], []),
        ("G1 G2 G3", ["G7"], [("stage-mismatch", "#/metadata/grades")]),
        ("G1 G2 G3", ["G3", "G4"], [("grade-beyond-stage", "#/metadata/grades/1")]),
        ("G1 G2 G3", ["G99"], []),
        ("G1 G2 G3", [], []),
        ("none", ["G1"], [("stage-mismatch", "#/metadata/grades")]),
        (None, ["G7"], []),
    ],
)
def test_grades_are_of_the_stage_as_its_dictionary_says(
    of_stage: str | None, grades: list[str], expected: list[tuple[str, str]]
) -> None:
    crosswalk = {} if of_stage is None else {"grade": of_stage}
    about = examined(
        {"stage": "primary", "grades": grades},
        terms=ALL_GRADES,
        grades_of_stage=grades_of(Term("primary", "小学", crosswalk=crosswalk)),
    )
    found = checks_metadata.grades_of_the_stage(about)
    assert [(each.code, each.pointer) for each in found] == expected


def test_what_is_said_twice_in_a_list_is_told() -> None:
    said = {
        "title": "分数",
        "keywords": ["分数", "ＤＮＡ", "dna", "分数 "],
        "contributors": [
            {"name": "张伟", "role": "author", "organisation": "一中"},
            {"name": "张伟", "role": "author", "organisation": "二中"},
            {"name": "张伟", "role": "editor", "organisation": "一中"},
        ],
        "relations": [
            {"relationship": "related", "identifier": "ISBN 1", "description": "其一"},
            {"relationship": "related", "identifier": "ISBN 1"},
        ],
    }
    found = [(each.code, each.pointer) for each in checks_metadata.said_once(examined(said))]
    assert found == [
        ("repeated", "#/metadata/keywords/2"),
        ("repeated", "#/metadata/keywords/3"),
        ("repeated", "#/metadata/relations/1"),
    ]


def test_a_resource_is_related_to_others_and_not_in_contradictory_ways() -> None:
    itself, other = str(uuid4()), str(uuid4())
    relations = [
        {"relationship": "related", "resource_id": itself},
        {"relationship": "contains", "resource_id": other},
        {"relationship": "related", "resource_id": other},
        {"relationship": "part_of", "resource_id": other, "version": 2},
        {"relationship": "contains", "identifier": "R-1"},
        {"relationship": "part_of", "identifier": "ISBN 1"},
        {"relationship": "contains", "identifier": "ISBN 1"},
    ]
    about = examined({"relations": relations}, names={itself, "R-1"})
    found = [(each.code, each.pointer) for each in checks_metadata.relations_agree(about)]
    assert found == [
        ("related-to-itself", "#/metadata/relations/0"),
        ("relations-contradict", "#/metadata/relations/3"),
        ("related-to-itself", "#/metadata/relations/4"),
        ("relations-contradict", "#/metadata/relations/6"),
    ]


def test_a_textbook_fits_in_every_element_that_both_have() -> None:
    book = TextbookFacts({"stage": "primary", "grades": "G3", "volume": "upper"}, retired=True)
    said = {"textbook_id": "x", "stage": "junior", "grades": ["G2", "G3"], "edition": "renjiao"}
    found = codes(checks_metadata.textbook_fits, examined(said, textbook=book))
    assert found == ["retired-textbook", "textbook-mismatch"]


def test_chapters_need_a_textbook_and_points_a_subject() -> None:
    said = {"chapters": ["1"], "knowledge_points": ["a"]}
    assert codes(checks_metadata.chapters_of_the_textbook, examined(said)) == [
        "chapters-without-textbook"
    ]
    assert codes(checks_metadata.points_of_the_subject, examined(said)) == [
        "points-without-subject"
    ]
    known = examined(
        {"subject": "math", "knowledge_points": ["a", "b", "c"]},
        points={"a": State.ACTIVE, "b": State.RETIRED},
    )
    assert codes(checks_metadata.points_of_the_subject, known) == ["unknown-point"] * 2


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"kind": "own_work"}, []),
        ({"kind": "assigned"}, ["no-licensor"]),
        ({"kind": "licensed"}, ["no-licensor", "no-licence-terms", "no-licence-dates"]),
        ({"kind": "public_domain"}, ["public-domain-unexplained"]),
        ({"kind": "classroom_use"}, ["no-statute", "statutory-not-platform-wide"]),
        ({"kind": "statutory_textbook", "terms": "著作权法第二十五条"}, []),
    ],
)
def test_each_rights_basis_asks_for_its_own_proofs(
    told: dict[str, str], expected: list[str]
) -> None:
    assert codes(checks_rights.a_rights_basis, basis(**told)) == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"valid_from": "2026-11-22", "valid_until": "2030-01-01"}, []),
        ({"valid_from": "2026-11-23"}, ["licence-not-begun"]),
        ({"valid_until": "2026-11-22"}, ["licence-ends-soon"]),
        ({"valid_until": "2026-11-21"}, ["licence-expired"]),
    ],
)
def test_a_licence_is_in_force_on_its_last_day(told: dict[str, str], expected: list[str]) -> None:
    assert codes(checks_rights.a_basis_in_force, basis(kind="licensed", **told)) == expected


@pytest.mark.parametrize(
    ("ours", "theirs", "loose"),
    [
        ("CC-BY-4.0", "CC-BY-4.0", False),
        ("CC-BY-4.0", "CC-BY-NC-4.0", True),
        ("CC-BY-NC-SA-4.0", "CC-BY-NC-4.0", False),
        ("CC-BY-4.0", "CC-BY-SA-4.0", True),
        ("all_rights_reserved", "CC-BY-ND-4.0", True),
        ("CC-BY-4.0", "platform_use", False),
    ],
)
def test_a_licence_is_no_looser_than_those_of_what_it_contains(
    ours: str, theirs: str, loose: bool
) -> None:
    part = uuid4()
    for relationship in ("contains", "related"):
        relation = {"relationship": relationship, "resource_id": str(part)}
        about = examined(
            {"licence": ours, "relations": [relation]},
            related={(part, None): Related("R-1", theirs, found=True)},
        )
        found = codes(checks_rights.no_looser_than_its_parts, about)
        assert bool(found) is (loose and relationship == "contains")


def test_files_are_there_and_one_is_the_main_one() -> None:
    assert codes(checks_files.a_main_file, examined()) == ["no-files"]
    only = clean(role=FileRole.SUPPLEMENT)
    assert codes(checks_files.a_main_file, examined(files=[only])) == ["no-main-file"]


def test_a_pdf_of_images_is_told_and_one_with_text_is_not() -> None:
    scan = clean(facts={"pages": 12, "characters": 24, "scanned": 12})
    assert codes(checks_files.readable_text, examined(files=[scan])) == ["no-text-layer"]
    poster = clean(facts={"pages": 1, "characters": 4, "scanned": 0})
    assert codes(checks_files.readable_text, examined(files=[clean(), poster])) == []


def test_that_only_the_first_pages_have_images_is_told() -> None:
    long = clean(facts={"pages": 60, "page_images": 50})
    [told] = checks_files.shown_whole(examined(files=[clean(), long]))
    assert (told.level, told.values["shown"], told.values["pages"]) == (Level.ADVICE, 50, 60)


def test_a_duplicate_is_not_told_as_a_near_duplicate_too() -> None:
    about = examined(
        files=[clean()],
        duplicates=[Duplicate(0, "R-1", own=True)],
        similar=[Similar(0, "R-1", True, 1.0), Similar(0, "R-2", False, 0.7)],
    )
    found = list(checks_files.unlike_others(about))
    assert [each.code for each in found] == ["duplicate-own", "near-duplicate-other"]
    assert found[1].values["percent"] == 70


def test_captions_and_transcripts_may_be_files_or_declared() -> None:
    film, song = clean(media_type="video/mp4"), clean(media_type="audio/mpeg")
    rule = checks_files.open_to_everyone
    assert codes(rule, examined(files=[film, song])) == ["no-captions", "no-transcript"]
    said = {"accessibility": {"captions": True, "transcript": "……"}}
    assert codes(rule, examined(said, files=[film, song])) == []
    more = [clean(role=FileRole.CAPTIONS, media_type="text/vtt"), clean(role=FileRole.TRANSCRIPT)]
    assert codes(rule, examined(files=[film, song, *more])) == []


@pytest.mark.parametrize(
    ("role", "media_type", "facts", "expected"),
    [
        (FileRole.COVER, "image/png", {}, []),
        (FileRole.COVER, "application/pdf", {"characters": 9}, ["cover-not-image"]),
        (FileRole.CAPTIONS, "text/vtt", {}, []),
        (FileRole.CAPTIONS, "application/x-subrip", {}, []),
        (FileRole.CAPTIONS, "image/png", {}, ["captions-not-timed"]),
        (FileRole.CAPTIONS, "text/plain", {"characters": 9}, ["captions-not-timed"]),
        (FileRole.TRANSCRIPT, "application/pdf", {"characters": 9}, []),
        (FileRole.TRANSCRIPT, "text/plain", {"characters": 9}, []),
        (FileRole.TRANSCRIPT, "audio/wav", {}, ["transcript-without-words"]),
        (FileRole.TRANSCRIPT, "application/pdf", {"characters": 0}, ["transcript-without-words"]),
        (FileRole.SUPPLEMENT, "video/mp4", {}, []),
    ],
)
def test_a_file_is_what_its_role_says(
    role: FileRole, media_type: str, facts: dict[str, Any], expected: list[str]
) -> None:
    file = clean(role=role, media_type=media_type, facts=facts)
    assert codes(checks_files.fit_for_their_roles, examined(files=[file])) == expected


def _captioned(*files: tuple[str, str]) -> list[str]:
    """Pointers of what has no captions or transcript, of files by role and name."""
    kinds = {"mp4": "video/mp4", "mp3": "audio/mpeg", "vtt": "text/vtt", "txt": "text/plain"}
    cue = ("00:00.000 --> 00:02.000\n第一课",)
    about = [
        clean(
            position=position,
            role=FileRole(role),
            filename=name,
            media_type=kinds[name.rpartition(".")[2]],
            pages=cue if name.endswith("vtt") else None,
        )
        for position, (role, name) in enumerate(files)
    ]
    found = checks_files.open_to_everyone(examined(files=about))
    return [each.pointer for each in found if each.code in {"no-captions", "no-transcript"}]


def test_each_film_has_captions_of_its_own_by_name_or_by_number() -> None:
    films = ("main", "甲.mp4"), ("main", "乙.mp4")
    assert _captioned(*films, ("captions", "c.vtt")) == ["#/files/1"]
    assert _captioned(*films, ("captions", "c.vtt"), ("captions", "d.vtt")) == []
    assert _captioned(*films, ("captions", "乙.vtt")) == ["#/files/0"]
    assert _captioned(*films, ("captions", "甲.zh.vtt"), ("captions", "甲.en.vtt")) == ["#/files/1"]
    songs = ("main", "a.mp3"), ("main", "b.mp3")
    assert _captioned(*songs, ("transcript", "b.txt")) == ["#/files/0"]


@pytest.mark.parametrize("pages", [("WEBVTT\n",), ("WEBVTT\n\n00:00.000 --> 00:02.000\n\n",), ()])
def test_captions_without_a_word_are_none(pages: tuple[str, ...]) -> None:
    film = clean(media_type="video/mp4")
    empty = clean(position=1, role=FileRole.CAPTIONS, media_type="text/vtt", pages=pages)
    about = examined(files=[film, empty])
    assert codes(checks_files.fit_for_their_roles, about) == ["captions-not-timed"]
    assert "no-captions" in codes(checks_files.open_to_everyone, about)


def test_a_file_that_cannot_be_captions_or_a_transcript_stands_for_none() -> None:
    film, song = clean(media_type="video/mp4"), clean(media_type="audio/mpeg")
    others = [
        clean(role=FileRole.CAPTIONS, media_type="audio/wav"),
        clean(role=FileRole.TRANSCRIPT, media_type="audio/wav", facts={}),
    ]
    found = codes(checks_files.open_to_everyone, examined(files=[film, song, *others]))
    assert {"no-captions", "no-transcript"} <= set(found)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("证号 11010519491231002X。", ["id-number"]),
        ("11010519491231002x", ["id-number"]),
        ("１１０１０５１９４９１２３１００２Ｘ", ["id-number"]),
        ("110105194912310021", []),
        ("11010519491331002X", []),
        ("学籍号G11010519491231002X", ["student-number"]),
        ("L110105200901010001", ["student-number"]),
        ("电话：13812345678", ["phone"]),
        ("+86 138 1234 5678", ["phone"]),
        ("12345678901", []),
        ("a138123456789", []),
        ("zhang.min@example.edu.cn", ["email"]),
        ("@小明 你好", []),
        ("6222 0212 3456 7890 128", ["bank-card"]),
        ("4111111111111111", ["bank-card"]),
        ("4111111111111112", []),
        ("ISBN 978-7-107-30000-0", []),
        ("圆周率 3.14159265358979323846", []),
    ],
)
def test_personal_numbers_are_found_by_shape_and_proof(text: str, kinds: list[str]) -> None:
    assert [each.kind for each in checks_personal.find(text)] == kinds


def test_what_is_found_is_told_masked() -> None:
    [found] = checks_personal.find("11010519491231002X")
    assert found.masked == "110*************2X"
    [mail] = checks_personal.find("zhang@example.cn")
    assert mail.masked == "z***@example.cn"


def test_a_file_full_of_numbers_is_told_in_part_with_a_count() -> None:
    pages = ["13812345678 " * 15, "13987654321 " * 15]
    found: list[Defect] = list(checks_personal.in_files(examined(files=[clean(pages=pages)])))
    assert len(found) == checks_personal.MOST_TOLD + 1
    assert "第 2 页" in str(found[16].values["place_zh"])
    assert found[-1].values["count"] == 10


@pytest.mark.parametrize(
    ("kind", "number", "expected"),
    [
        ("pages", 2, "（课.pdf 第 2 页）"),
        ("slides", 1, "（课.pdf 第 1 张幻灯片）"),
        ("sheets", 2, "（课.pdf 第 2 个工作表）"),
        ("slides", 3, "（课.pdf 页面之外）"),
        ("document", 1, "（课.pdf）"),
        ("entries", 4, "（课.pdf 资料/讲义.pdf 第 7 页）"),
        ("entries", 5, "（课.pdf 教案.docx）"),
    ],
)
def test_where_a_number_stands_is_told(kind: str, number: int, expected: str) -> None:
    pages = ["", "", "", "资料/讲义.pdf#7\n", "教案.docx#1\n"]
    pages[number - 1] += "13812345678"
    facts = {"text_parts": {"of": kind, "own": 2, "outside": 3}}
    [found] = checks_personal.in_files(examined(files=[clean(pages=pages, facts=facts)]))
    assert found.values["place_zh"] == expected


def test_what_a_file_says_beside_its_text_is_looked_through() -> None:
    facts = {"said": {"docProps/core.xml creator": "王老师 13812345678"}}
    [found] = checks_personal.in_files(examined(files=[clean(facts=facts)]))
    assert found.values["place_zh"] == "（课.pdf 文档属性 docProps/core.xml creator）"


def test_registered_works_that_a_file_is_like_are_warnings_and_refuse_nothing() -> None:
    registered = [
        Registered(0, "Z-1", "exact", None, None),
        Registered(0, "Z-2", "near", 20, None),
        Registered(1, "Z-3", "containment", None, 0.426),
    ]
    found = list(checks_files.unlike_registered(examined(registered=registered)))
    assert [(each.code, each.pointer) for each in found] == [
        ("registered-same", "#/files/0"),
        ("registered-alike", "#/files/0"),
        ("registered-text", "#/files/1"),
    ]
    assert found[2].values == {"code": "Z-3", "percent": 43}
    assert {each.level for each in found} == {Level.WARNING}


def test_a_register_that_does_not_answer_is_told_as_advice() -> None:
    [found] = checks_files.unlike_registered(examined(registered=None))
    assert (found.code, found.level) == ("register-not-compared", Level.ADVICE)
    assert list(checks_files.unlike_registered(examined())) == []
