from services.catalog.domain import vocabularies, vocabularies_plans, vocabularies_tables
from shared.problems import Problem, ProblemTable

PROBLEMS: ProblemTable = {
    vocabularies.TermTaken: Problem(
        "catalog/term-taken",
        409,
        "The dictionary has a term with that code or name",
        "该代码或名称已存在",
    ),
    vocabularies.TermsRefused: Problem(
        "catalog/terms-refused",
        422,
        "The term does not fit its dictionary",
        "词条内容有误",
    ),
    vocabularies_tables.UnreadableTable: Problem(
        "catalog/unreadable-table",
        422,
        "The file is not a CSV file of that kind",
        "文件不是有效的 CSV 表格",
    ),
    vocabularies_plans.ImportRefused: Problem(
        "catalog/import-refused",
        422,
        "Rows of the file have errors",
        "导入文件中有错误的行",
    ),
}
