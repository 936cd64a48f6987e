from services.learning.domain import boards
from shared.problems import Problem, ProblemTable

PROBLEMS: ProblemTable = {
    boards.NoBoard: Problem(
        "learning/no-board",
        409,
        "Only classes, grades, schools and regions have a board",
        "仅班级、年级、学校和区域有看板",
    ),
}
