from services.learning.domain.allowed_applications import (
    ActionRefused,
    AlreadyAllowed,
    HeldAbove,
)
from shared.problems import Problem, ProblemTable

PROBLEMS: ProblemTable = {
    HeldAbove: Problem(
        "learning/held-above",
        409,
        "An organisation above suspended or withdrew it",
        "上级机构已暂停或取消准入",
    ),
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
