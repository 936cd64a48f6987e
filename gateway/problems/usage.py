from gateway.application.usage import BadPeriod
from shared.problems import Problem, ProblemTable

PROBLEMS: ProblemTable = {
    BadPeriod: Problem("gateway/bad-period", 422, "The days do not make a period", "查询时段无效"),
}
