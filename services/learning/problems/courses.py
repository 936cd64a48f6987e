from services.learning.domain import courses
from shared.problems import Problem, ProblemTable

PROBLEMS: ProblemTable = {
    courses.ActionRefused: Problem(
        "learning/course-action-refused",
        409,
        "The course's state knows no such action",
        "课程当前状态不支持此操作",
    ),
    courses.EmptyCourse: Problem(
        "learning/empty-course", 409, "The course has no resource yet", "课程尚无资源"
    ),
    courses.NotAClass: Problem(
        "learning/not-a-class",
        422,
        "Only classes of the place take the course",
        "只能加入本机构的班级",
    ),
    courses.TooManyClasses: Problem(
        "learning/too-many-classes",
        409,
        "The course has as many classes as it may",
        "班级数已达上限",
    ),
    courses.DatesRefused: Problem(
        "learning/course-dates-refused",
        422,
        "A course ends after it starts",
        "结课日期早于开课日期",
    ),
}
