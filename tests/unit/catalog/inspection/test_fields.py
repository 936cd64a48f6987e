"""Fields of Word (ECMA-376 part 1, §17.16): what one does can be read, or it is refused."""

from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import pytest

from services.catalog.inspection.inspector import inspect
from services.catalog.inspection.report import Report
from tests.hostile.office import in_word


def run(text: str, element: str = "instrText") -> str:
    return f'<w:r><w:{element} xml:space="preserve">{escape(text)}</w:{element}></w:r>'


def char(kind: str) -> str:
    return f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>'


def field(*pieces: str, result: str | None = None) -> str:
    """Pieces that are no XML are words of the instruction."""
    inner = "".join(each if each.startswith("<") else run(each) for each in pieces)
    shown = char("separate") + result if result is not None else ""
    return char("begin") + inner + shown + char("end")


def simple(instruction: str, content: str = "") -> str:
    return f"<w:fldSimple w:instr={quoteattr(instruction)}>{content}</w:fldSimple>"


def codes(tmp_path: Path, *paragraphs: str) -> set[str]:
    report = Report(tmp_path)
    path = tmp_path / "file"
    path.write_bytes(in_word("".join(f"<w:p>{each}</w:p>" for each in paragraphs)))
    inspect(path, "a.docx", "", report)
    return {each["code"] for each in report.findings}


_DDE_IN_CODES = "QUOTE 68 68 69 65 85 84 79 32 99 58"


@pytest.mark.parametrize(
    "paragraph",
    [
        field(" ", field(_DDE_IN_CODES)),
        field(" ", field(_DDE_IN_CODES, result=run("DDEAUTO c:", "t"))),
        field('SET c "DDEAUTO"') + field(" ", field("REF c"), ' cmd "/k calc"'),
        field("DDE", field("QUOTE 65"), "UTO cmd"),
        field(field('IF 1=1 "DDEAUTO cmd" ""'), " /k"),
        field(field(field("DOCVARIABLE a")), result=run("1", "t")),
        field(" ", simple("DOCPROPERTY a"), ' "/k calc"'),
        field(field("QUOTE 73 78"), ' "http://evil.test/a.png" \\d'),
        field("PAGE", result=field(field("QUOTE 68"), " cmd")),
        simple("PAGE", field(field("QUOTE 68"), " cmd")),
        field("HYPERLINK ", field("QUOTE <file:///c:/windows/system32/calc.exe>")),
        field('HYPERLINK "file:///', field("REF a"), '"', result=run("课件", "t")),
        field("HYPERLINK \\l ", field("REF a")),
    ],
)
def test_a_field_whose_kind_or_target_another_makes_is_refused(
    tmp_path: Path, paragraph: str
) -> None:
    assert codes(tmp_path, paragraph) & {"computed-field", "action"}


@pytest.mark.parametrize(
    ("paragraph", "code"),
    [
        (field("IF ", field("PAGE"), ' = 1 "', field("DDEAUTO cmd"), '"'), "dde"),
        (field("TOC", result=field("DDE excel a")), "dde"),
        (field(run("DDEAUTO cmd", "t")), "dde"),
        (field("PAGE", result="</w:p><w:p>" + field('INCLUDETEXT "a.docx"')), "external-reference"),
        (field("QUOTE ", simple("DDEAUTO cmd")), "dde"),
        (char("begin") + run("DDEAUTO cmd"), "dde"),
        (char("end") + char("separate") + run("DDEAUTO cmd"), "dde"),
    ],
)
def test_a_field_is_told_wherever_it_stands(tmp_path: Path, paragraph: str, code: str) -> None:
    assert code in codes(tmp_path, paragraph)


_OTHER = (
    'xmlns:x="urn:other" xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
)
_DECOYS = (
    f"<w:r><x:instrText {_OTHER}>QUOTE </x:instrText></w:r>",
    f"<w:r><x:t {_OTHER}>QUOTE </x:t></w:r>",
    f'<w:r><mc:AlternateContent {_OTHER}><mc:Choice Requires="x"><w:instrText>QUOTE </w:instrText>'
    "</mc:Choice></mc:AlternateContent></w:r>",
    f"<w:del>{run('QUOTE ', 'delInstrText')}</w:del>",
    f"<w:r><w:pict><w:txbxContent><w:p>{run('QUOTE ', 't')}</w:p></w:txbxContent></w:pict></w:r>",
)


def _within(element: str, content: str) -> str:
    return f"<w:{element}>{content}</w:{element}>"


def _either(first: str, second: str) -> str:
    return (
        f'<mc:AlternateContent {_OTHER}><mc:Choice Requires="wps">{first}</mc:Choice>'
        f"<mc:Fallback>{second}</mc:Fallback></mc:AlternateContent>"
    )


@pytest.mark.parametrize(
    "paragraph",
    [
        char("begin")
        + f"<w:r><w:instrText><x:a {_OTHER}/>DDEAUTO cmd</w:instrText></w:r>"
        + char("end"),
        field(f"<w:r><w:t><x:a {_OTHER}/>DDEAUTO cmd</w:t></w:r>"),
        field("DD", f'<w:r><x:fldChar {_OTHER} x:fldCharType="end"/></w:r>', "EAUTO cmd"),
        field(
            "DD",
            f'<w:r><w:fldChar {_OTHER} x:fldCharType="end" w:fldCharType="zz"/></w:r>',
            "EAUTO c",
        ),
        f'<w:fldSimple {_OTHER} x:instr="PAGE" w:instr="DDEAUTO cmd"/>',
        _either(char("begin") + run("DD"), char("end")) + run("EAUTO cmd") + char("end"),
        field(_within("del", run("QUOTE ")), "DDEAUTO cmd"),
        field(_within("moveFrom", run("QUOTE ")), "DDEAUTO cmd"),
        field("DD", _within("del", char("end")), "EAUTO cmd"),
        field("DD", _within("moveFrom", char("end")), "EAUTO cmd"),
    ],
)
def test_what_is_passed_over_hides_no_field(tmp_path: Path, paragraph: str) -> None:
    assert codes(tmp_path, paragraph) & {"computed-field", "dde"}


@pytest.mark.parametrize(
    "content",
    [
        f"<w:f {_OTHER}><x:f/>cmd|'/c calc'!A1</w:f>",
        f'<w:f {_OTHER}><x:f/>_xlfn.WEBSERVICE("http://evil.test/")</w:f>',
        f'<w:hlinkClick {_OTHER} x:action="" action="ppaction://program?a.exe"/>',
    ],
)
def test_what_is_passed_over_hides_no_formula_and_no_action(tmp_path: Path, content: str) -> None:
    assert codes(tmp_path, content)


@pytest.mark.parametrize("decoy", _DECOYS)
def test_a_word_that_word_does_not_read_hides_no_field(tmp_path: Path, decoy: str) -> None:
    for pieces in ((decoy, "DDEAUTO cmd"), ("DDE", decoy, "AUTO cmd"), ("DDEAUTO", decoy, " cmd")):
        assert codes(tmp_path, field(*pieces)) & {"computed-field", "dde"}


@pytest.mark.parametrize("space", ["tab", "br", "cr", "ptab"])
@pytest.mark.parametrize("kind", ["DDEAUTO", "INCLUDEPICTURE", "HYPERLINK"])
def test_a_tab_or_a_break_parts_words_of_an_instruction(
    tmp_path: Path, kind: str, space: str
) -> None:
    target = "file:///c:/windows/system32/calc.exe"
    assert codes(tmp_path, field(kind, f"<w:r><w:{space}/></w:r>", target))


_BOX = f"<w:pict><w:txbxContent><w:p>{run('盖章', 't')}</w:p></w:txbxContent></w:pict>"
_PAGE = field(" PAGE ", result=run("1", "t"))
_REFERENCE = field(" PAGEREF _Toc1 \\h ", result=run("1", "t"))
_ENTRY = field('HYPERLINK \\l "_Toc1"', result=run("第一课", "t") + _REFERENCE)


@pytest.mark.parametrize(
    "paragraph",
    [
        _PAGE + run("/", "t") + field(" NUMPAGES ", result=run("9", "t")),
        field(" IF ", _PAGE, ' = 1 "首页" "', _PAGE, '" ', result=run("首页", "t")),
        field(' IF "{DDE a}" = "" "DDE cmd" "" '),
        field(
            ' TOC \\o "1-3" \\h \\z \\u ', result=f"{_ENTRY}</w:p><w:p>{_ENTRY}</w:p><w:p>{_ENTRY}"
        ),
        run("图 ", "t") + field(" SEQ 图 \\* ARABIC ", result=run("1", "t")),
        run("见", "t") + field(" REF _Ref1 \\h ", result=run("图 1", "t")),
        field(" STYLEREF ", '"标题 1"', result=run("DDE 是什么", "t")),
        field(" = ", _PAGE, " - 1 ", result=run("0", "t")),
        field(" =", _PAGE, "-1 ", result=run("0", "t")),
        field(" EQ \\r(", '<w:r><w:sym w:font="Symbol" w:char="F053"/></w:r>', ",2) "),
        field(' TOC \\o "1-', f"<w:del>{run('3', 'delInstrText')}</w:del>", run("2"), '" '),
        field(
            ' IF a = b "',
            f"<w:r>{_either(_BOX, _BOX)}</w:r>",
            '" "" ',
            result=run("章", "t"),
        ),
        f"<w:del>{field(run(' PAGE ', 'delInstrText'), result=run('1', 'delText'))}</w:del>{_PAGE}",
        field(" QUOTE ", field(' DATE \\@ "yyyy" '), result=run("2026", "t")),
        field(" SET 学校 ", field(" DOCPROPERTY Company ")),
        field(' HYPERLINK "https://a.test/?p={1}" ', result=run("页", "t") + _PAGE),
        simple(" SEQ 表 \\* ARABIC ", run("1", "t")),
        field(" REF a ", result=simple(" PAGE ", run("1", "t"))),
        field(""),
    ],
)
def test_fields_as_word_writes_them_are_clean(tmp_path: Path, paragraph: str) -> None:
    assert codes(tmp_path, paragraph) == set()


def test_a_long_table_of_contents_is_not_too_costly(tmp_path: Path) -> None:
    entries = "</w:p><w:p>".join([_ENTRY] * 2500)
    assert codes(tmp_path, field(' TOC \\o "1-3" \\h ', result=entries)) == set()
