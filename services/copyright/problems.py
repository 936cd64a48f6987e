"""How this service's domain errors are told over HTTP."""

from services.copyright.domain import registrations as domain
from shared.problems import Problem, ProblemTable

PROBLEMS: ProblemTable = {
    domain.RegistrationDefective: Problem(
        "copyright/registration-defective",
        422,
        "What is told of the work does not hold",
        "作品信息有误",
    ),
    domain.TermsUnfit: Problem(
        "copyright/terms-unfit",
        422,
        "The terms do not go with the licence",
        "条款与所选许可不符",
    ),
    domain.HeadMoved: Problem(
        "copyright/head-moved", 409, "Another event came first", "已有其他事件在先"
    ),
    domain.NotAllowedNow: Problem(
        "copyright/not-allowed-now",
        409,
        "The registration's state has no place for it",
        "登记的当前状态不允许此操作",
    ),
    domain.NotTheirs: Problem(
        "copyright/not-theirs", 403, "It is another party's to do", "此操作应由另一方作出"
    ),
    domain.CodeUnreadable: Problem(
        "copyright/code-unreadable", 404, "This is no code of a registration", "不是登记代码"
    ),
    domain.LetterTaken: Problem(
        "copyright/letter-taken", 409, "Another category has the letter", "该字母已用于其他类别"
    ),
    domain.NotLoggedYet: Problem(
        "copyright/not-logged-yet",
        409,
        "The log does not have it yet",
        "登记尚未进入日志",
    ),
}
