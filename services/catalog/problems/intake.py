from services.catalog.domain import intake
from shared.problems import Problem, ProblemTable

PROBLEMS: ProblemTable = {
    intake.IntakeDefective: Problem(
        "catalog/intake-defective", 422, "The import cannot begin", "导入无法开始"
    ),
    intake.IntakeOver: Problem("catalog/intake-over", 409, "The import is over", "导入已经结束"),
}
