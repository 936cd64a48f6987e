from services.learning.domain import assignments, assignments_load, marking, submissions
from shared.problems import Problem, ProblemTable

PROBLEMS: ProblemTable = {
    assignments.AssignmentActionRefused: Problem(
        "learning/assignment-action-refused",
        409,
        "The homework's state knows no such action",
        "作业当前状态不支持此操作",
    ),
    assignments.NothingToDo: Problem(
        "learning/nothing-to-do", 409, "The homework has no item yet", "作业尚无题目"
    ),
    assignments.DeadlinesRefused: Problem(
        "learning/deadlines-refused", 422, "The deadlines cannot be kept", "截止时间无效"
    ),
    assignments_load.DaysRefused: Problem(
        "learning/days-refused", 422, "The days are in disorder", "起止日期无效"
    ),
    assignments.ClassesRefused: Problem(
        "learning/classes-refused",
        422,
        "Homework is assigned to classes of its place",
        "只能布置给本机构的班级",
    ),
    submissions.SubmissionActionRefused: Problem(
        "learning/submission-action-refused",
        409,
        "The submission's state knows no such action",
        "提交当前状态不支持此操作",
    ),
    submissions.AttemptsSpent: Problem(
        "learning/attempts-spent", 409, "There is no attempt left", "提交次数已用完"
    ),
    submissions.TooLate: Problem(
        "learning/too-late", 409, "Nothing is taken in any more", "已过截止时间"
    ),
    submissions.AnswersRefused: Problem(
        "learning/answers-refused", 422, "Some answers do not fit", "部分作答无效"
    ),
    submissions.FilesMissing: Problem(
        "learning/files-missing", 409, "Files have not arrived yet", "文件尚未上传完成"
    ),
    submissions.TooManyFiles: Problem(
        "learning/too-many-files", 409, "Too many files wait to be handed in", "待提交文件过多"
    ),
    submissions.MarksMissing: Problem(
        "learning/marks-missing", 409, "Some items have no mark yet", "尚有题目未批改"
    ),
    marking.MarksRefused: Problem(
        "learning/marks-refused", 422, "Some marks do not fit", "部分评分无效"
    ),
}
