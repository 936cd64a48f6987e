from services.catalog.domain import lifecycle, notices, resources, versions
from shared.problems import Problem, ProblemTable

PROBLEMS: ProblemTable = {
    resources.DraftMalformed: Problem(
        "catalog/draft-malformed", 422, "The draft would have defects of shape", "草稿格式有误"
    ),
    resources.AttachmentsRefused: Problem(
        "catalog/attachments-refused", 422, "Some files cannot be attached", "部分文件不能引用"
    ),
    lifecycle.ActionRefused: Problem(
        "catalog/action-refused", 409, "That is not done to it now", "当前不能进行此操作"
    ),
    notices.TakenDown: Problem(
        "catalog/resource-taken-down", 410, "The resource was taken down", "该资源已下架或出库"
    ),
    resources.FileNotReady: Problem(
        "catalog/file-not-ready", 409, "The file is still inspected", "文件正在检查"
    ),
    resources.FileRefused: Problem(
        "catalog/file-refused", 409, "Inspection refused the file", "文件未通过检查"
    ),
    resources.FileDamaged: Problem(
        "catalog/file-damaged", 409, "The stored file is damaged", "存储中的文件已损坏"
    ),
    resources.CodeUnreadable: Problem(
        "catalog/code-unreadable", 422, "That is no code of a resource", "资源代码有误"
    ),
    versions.DefectsRemain: Problem(
        "catalog/defects-remain", 409, "The check finds errors", "草稿仍有错误"
    ),
    versions.NothingChanged: Problem(
        "catalog/nothing-changed", 409, "The draft is the latest version", "草稿没有变化"
    ),
}
