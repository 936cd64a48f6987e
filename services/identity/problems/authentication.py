from services.identity.application import hashing
from services.identity.domain import passwords, second_factors, sign_in
from services.identity.pages.forms import FormRefused
from services.identity.problems import throttling
from shared.problems import Problem, ProblemTable

PROBLEMS: ProblemTable = {
    **throttling.PROBLEMS,
    hashing.HashingPoolFull: Problem(
        "identity/hashing-pool-full",
        503,
        "Many people are signing in",
        "当前登录人数较多，请稍候再试",
    ),
    sign_in.WrongCredentials: Problem(
        "identity/wrong-credentials",
        401,
        "The account or the password is wrong",
        "账号或密码不正确",
    ),
    sign_in.SignInExpired: Problem(
        "identity/sign-in-expired",
        409,
        "That took too long: sign in again",
        "登录已超时，请重新登录",
    ),
    sign_in.InvitationSpent: Problem(
        "identity/invitation-spent", 410, "The invitation cannot be used", "邀请无效或已过期"
    ),
    passwords.PasswordRefused: Problem(
        "identity/password-refused", 422, "Choose another password", "请换一个密码"
    ),
    second_factors.WrongCode: Problem(
        "identity/wrong-code", 401, "The code is wrong", "验证码不正确"
    ),
    second_factors.NoAuthenticator: Problem(
        "identity/no-authenticator",
        409,
        "Your second step is in another state",
        "两步验证的当前状态不允许此操作",
    ),
    second_factors.PasskeyRefused: Problem(
        "identity/passkey-refused", 401, "The passkey was not accepted", "通行密钥未通过验证"
    ),
    second_factors.PasskeysUnavailable: Problem(
        "identity/passkeys-unavailable",
        409,
        "Passkeys need the platform's name",
        "通过域名访问平台时才能使用通行密钥",
    ),
    second_factors.LastSecondFactor: Problem(
        "identity/last-second-factor",
        409,
        "This is your only second step",
        "这是唯一的第二步验证",
    ),
    FormRefused: Problem(
        "identity/form-refused",
        403,
        "Load the page again, then send the form once more",
        "请重新打开页面后再提交",
    ),
}
