from services.catalog.domain import publication
from shared.problems import Problem, ProblemTable

PROBLEMS: ProblemTable = {
    publication.FilesUnfit: Problem(
        "catalog/files-unfit", 409, "Some files are not found clean", "部分文件未通过检查"
    ),
}
