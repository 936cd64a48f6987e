from services.learning.domain.references import ReferencesRefused
from shared.problems import Problem, ProblemTable

PROBLEMS: ProblemTable = {
    ReferencesRefused: Problem(
        "learning/references-refused", 422, "Some references cannot be kept", "部分引用无效"
    ),
}
