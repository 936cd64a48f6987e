from services.learning.domain import archive
from shared.problems import Problem, ProblemTable

PROBLEMS: ProblemTable = {
    archive.ArchiveFull: Problem(
        "learning/archive-full", 409, "The archive has as many entries as it may", "档案条目已满"
    ),
    archive.SnapshotTaken: Problem(
        "learning/snapshot-taken", 409, "The term has its snapshot", "该学期快照已保存"
    ),
    archive.TermOver: Problem("learning/term-over", 422, "The term is over", "该学期已结束"),
    archive.DayRefused: Problem("learning/day-refused", 422, "No award is of that day", "日期无效"),
    archive.TermNotBegun: Problem(
        "learning/term-not-begun", 422, "The term has not begun", "该学期尚未开始"
    ),
}
