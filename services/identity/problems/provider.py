from services.identity.application import api_keys
from services.identity.domain import authorization, clients, keys
from shared.problems import Problem, ProblemTable

PROBLEMS: ProblemTable = {
    authorization.UnreadableRequest: Problem(
        "identity/unreadable-request",
        400,
        "The application sent a request that cannot be read",
        "应用发来的请求无法识别",
    ),
    authorization.UnknownClient: Problem(
        "identity/unknown-client",
        400,
        "The application is not known here, or not approved",
        "该应用未登记或未获批准",
    ),
    authorization.UnknownAddress: Problem(
        "identity/unknown-address",
        400,
        "The application did not register the address that you should go to",
        "该应用未登记要跳转的地址",
    ),
    authorization.UnknownHint: Problem(
        "identity/unknown-hint",
        400,
        "The application does not show who should be signed out",
        "应用未能说明要退出的账号",
    ),
    clients.ClientNotFound: Problem(
        "identity/client-not-found", 404, "There is no such application", "没有该应用"
    ),
    clients.ClientActionUnavailable: Problem(
        "identity/client-action-unavailable",
        409,
        "The application does not allow this now",
        "应用目前不允许此操作",
    ),
    clients.OwnClient: Problem(
        "identity/own-client",
        403,
        "Who asked for an application does not decide about it",
        "申请人不能审批自己申请的应用",
    ),
    clients.UnfitClient: Problem(
        "identity/unfit-client",
        422,
        "The registration contradicts itself",
        "应用登记内容有误",
    ),
    clients.TooManySecrets: Problem(
        "identity/too-many-secrets",
        409,
        "Two secrets are live already: revoke one first",
        "已有两个有效密钥，请先撤销一个",
    ),
    clients.SecretReplaced: Problem(
        "identity/secret-replaced",
        409,
        "Another secret is in use by now: read the list again",
        "在用密钥已更换，请重新读取密钥列表",
    ),
    clients.NoSecretNeeded: Problem(
        "identity/no-secret-needed",
        409,
        "The application does not use a secret",
        "该应用不使用密钥",
    ),
    api_keys.ScopesNotOpen: Problem(
        "identity/scopes-not-open",
        422,
        "A key carries only what its application may use by itself",
        "接口密钥的权限不能超出应用自身的权限",
    ),
    api_keys.LifeTooLong: Problem(
        "identity/api-key-life",
        422,
        "A key expires within a year",
        "接口密钥的有效期应在一年以内",
    ),
    keys.NextKeyTooNew: Problem(
        "identity/next-key-too-new",
        409,
        "The next signing key is not widely known yet",
        "下一个签名密钥尚未充分公布",
    ),
}
