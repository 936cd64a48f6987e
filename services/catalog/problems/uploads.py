from services.catalog.domain import uploads as domain
from shared.problems import Problem, ProblemTable

PROBLEMS: ProblemTable = {
    domain.UploadDefective: Problem(
        "catalog/upload-defective",
        422,
        "The file cannot be taken as it is announced",
        "所申报的文件不能接收",
    ),
    domain.UploadIncomplete: Problem(
        "catalog/upload-incomplete",
        409,
        "Not every byte has arrived",
        "文件内容尚未全部到达",
    ),
    domain.UploadClosed: Problem(
        "catalog/upload-closed",
        409,
        "The upload is past that",
        "该上传当前状态不允许此操作",
    ),
    domain.UploadInUse: Problem(
        "catalog/upload-in-use",
        409,
        "A resource or a review uses the file",
        "该文件正被资源或审核引用",
    ),
    domain.QuotaExceeded: Problem(
        "catalog/quota-exceeded",
        409,
        "The storage quota is too small for it",
        "存储配额不足",
    ),
}
