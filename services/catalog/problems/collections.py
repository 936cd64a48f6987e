from services.catalog.domain import collections
from shared.problems import Problem, ProblemTable

PROBLEMS: ProblemTable = {
    collections.ItemsRefused: Problem(
        "catalog/items-refused", 422, "Some references cannot be kept", "部分引用无效"
    ),
}
