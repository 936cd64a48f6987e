from services.learning.domain import boards
from shared.problems import Problem, ProblemTable

PROBLEMS: ProblemTable = {
    boards.NoBoard: Problem(
        "learning/no-board",
        409,
        "Only classes, grades and schools have a board",
        "仅班级、年级和学校有看板",
    ),
}
