from services.catalog.domain import reports
from shared.problems import Problem, ProblemTable

PROBLEMS: ProblemTable = {
    reports.TooManyReports: Problem(
        "catalog/too-many-reports", 429, "Too many reports", "举报次数过多"
    ),
    reports.CaseClosed: Problem("catalog/case-closed", 409, "The case is closed", "该举报已处理"),
}
