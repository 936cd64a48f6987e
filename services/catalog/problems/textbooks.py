from services.catalog.domain import textbooks as domain
from shared.problems import Problem, ProblemTable

PROBLEMS: ProblemTable = {
    domain.TextbookRefused: Problem(
        "catalog/textbook-refused",
        422,
        "What is said of the textbook has defects",
        "教材信息有误",
    ),
    domain.ChaptersRefused: Problem(
        "catalog/chapters-refused",
        422,
        "The chapters are no tree",
        "章节目录有误",
    ),
}
