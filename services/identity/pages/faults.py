"""What people are told when signing in does not work."""

from services.identity.domain.throttle import TooManyAttempts
from services.identity.pages.renderer import FormError

WRONG_CREDENTIALS = FormError(
    "",
    "账号或密码不正确，请检查后重试。",
    "The account or the password is wrong. Check both, then try again.",
)
WRONG_CODE = FormError(
    "code",
    "验证码不正确或已使用，请输入当前显示的数字。",
    "The code is wrong or was used. Type the digits that are shown now.",
)
WRONG_RECOVERY_CODE = FormError(
    "recovery_code",
    "恢复码不正确或已使用。",
    "The recovery code is wrong or was used.",
)
PASSKEY_REFUSED = FormError(
    "",
    "通行密钥未通过验证，请重试或改用其他方式。",
    "The passkey was not accepted. Try again, or use another way.",
)
LAST_FACTOR = FormError(
    "",
    "这是唯一的第二步验证，暂时不能移除：岗位要求保留，或者密码太短，不能单独使用。"
    "请先添加另一种方式，或设置更长的密码。",
    "This is your only second step: your role asks for one, or your password is too short to stand"
    " alone. First set up another, or choose a longer password.",
)
INVITATION_SPENT = FormError(
    "token",
    "邀请码无效、已使用或已过期，请向管理员索取新的邀请。",
    "The invitation is not valid, was used, or is too old. Ask your administrator for another.",
)


def waiting(error: TooManyAttempts, field: str) -> FormError:
    """Too many attempts, as a complaint about a field."""
    minutes = -(-error.retry_after // 60)
    return FormError(
        field,
        f"尝试次数过多，请在 {minutes} 分钟后再试。",
        f"Too many attempts. Try again in {minutes} minute{'' if minutes == 1 else 's'}.",
    )


def waiting_to_sign_in(error: TooManyAttempts) -> FormError:
    """The same of a whole sign-in, with the ways that are open all the time."""
    seconds = error.retry_after
    told = FormError(
        "",
        f"正有许多登录尝试从您所在的网络指向这个账号。请用本浏览器在 {seconds} 秒后再试，"
        "连续再试几次：每试一次，轮到您的机会就更大。",
        "Many sign-ins to this account are being tried from your network. Try again in this browser"
        f" after {seconds} seconds, and keep on: every try brings your turn nearer.",
    )
    if not error.crowded:
        told = waiting(error, "")
    return FormError(
        "",
        f"{told.zh}在您曾登录过的设备上，或使用通行密钥，现在即可登录。",
        f"{told.en} On a device where you have signed in before, or with a passkey, you can sign in"
        " now.",
    )
