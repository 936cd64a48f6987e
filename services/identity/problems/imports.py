from services.identity.domain import imports as domain
from shared.problems import Problem, ProblemTable

PROBLEMS: ProblemTable = {
    domain.ImportActionRefused: Problem(
        "identity/import-action-refused",
        409,
        "The import is in another state",
        "导入任务当前状态不允许此操作",
    ),
    domain.RosterNotUploaded: Problem(
        "identity/roster-not-uploaded",
        409,
        "No file was uploaded under that id",
        "尚未上传该文件",
    ),
    domain.RosterTooLarge: Problem(
        "identity/roster-too-large",
        409,
        "The file is too large",
        "文件过大",
    ),
    domain.NoRosterThere: Problem(
        "identity/no-roster-there",
        409,
        "Rosters belong to open schools and institutions, or what is above them",
        "花名册只适用于正常状态的学校、单位及其上级机构",
    ),
}
