from services.learning.domain.allowed_applications import ActionRefused, AlreadyAllowed
from shared.problems import Problem, ProblemTable

PROBLEMS: ProblemTable = {
    ActionRefused: Problem(
        "learning/application-action-refused",
        409,
        "The application's state knows no such action",
        "应用当前状态不支持此操作",
    ),
    AlreadyAllowed: Problem(
        "learning/already-allowed", 409, "This record number is allowed already", "该备案号已登记"
    ),
}
