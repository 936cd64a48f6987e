from services.catalog.domain import knowledge as domain
from shared.problems import Problem, ProblemTable

PROBLEMS: ProblemTable = {
    domain.PrerequisiteCycle: Problem(
        "catalog/prerequisite-cycle",
        409,
        "Knowledge points would be prerequisites of one another",
        "先修关系形成循环",
    ),
    domain.PointRefused: Problem(
        "catalog/knowledge-point-refused",
        422,
        "The knowledge point does not fit its graph",
        "知识点内容有误",
    ),
}
