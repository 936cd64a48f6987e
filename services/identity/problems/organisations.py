from services.identity.domain import organisations as domain
from shared.problems import Problem, ProblemTable

PROBLEMS: ProblemTable = {
    domain.OrganisationClosed: Problem(
        "identity/organisation-closed",
        409,
        "The organisation is closed",
        "该机构已关闭",
    ),
    domain.KindNotAllowedThere: Problem(
        "identity/organisation-kind-not-allowed-there",
        409,
        "An organisation of that kind does not stand there",
        "该类机构不能设在此处",
    ),
    domain.MoveIntoItself: Problem(
        "identity/organisation-move-into-itself",
        409,
        "An organisation cannot stand below itself",
        "机构不能移到自身之下",
    ),
    domain.StillInUse: Problem(
        "identity/organisation-still-in-use",
        409,
        "The organisation still has people or open organisations",
        "该机构仍有人员或未关闭的下级机构",
    ),
    domain.CodesRefused: Problem(
        "identity/official-codes-refused",
        422,
        "An official code is malformed, or not one of this kind of organisation",
        "代码格式有误，或不适用于该类机构",
    ),
    domain.CodeTaken: Problem(
        "identity/official-code-taken",
        409,
        "Another organisation has that official code",
        "该代码已被其他机构使用",
    ),
    domain.NameTaken: Problem(
        "identity/organisation-name-taken",
        409,
        "An organisation of that kind has that name there",
        "该上级机构下已有同类同名机构",
    ),
}
