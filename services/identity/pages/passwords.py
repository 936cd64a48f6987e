"""The rules for a new password, and what is wrong with one, in words for people."""

from collections.abc import Sequence

from services.identity.domain.passwords import Defect, PasswordRefused, Profile
from services.identity.pages.forms import Form
from services.identity.pages.renderer import FormError

_FAULTS = {
    Defect.TOO_SHORT: (
        "密码太短：至少需要 {shortest} 个字符",
        "Too short: {shortest} characters or more",
    ),
    Defect.TOO_LONG: ("密码太长：最多 256 个字符", "Too long: 256 characters or fewer"),
    Defect.STRANGE_CHARACTER: (
        "密码中有无法使用的字符（如控制字符）",
        "It has characters that cannot be used, such as control characters",
    ),
    Defect.COMMON: ("这个密码太常见，很容易被猜到", "Too common: it would be guessed"),
    Defect.PATTERN: (
        "请勿使用重复或连续的字符，如 123456、qwerty",
        "Avoid repetitions and sequences such as 123456 or qwerty",
    ),
    Defect.CONTAINS_NAME: (
        "请勿以姓名、账号、手机号或平台名称作为密码",
        "Do not build it on your name, account, phone or the platform's name",
    ),
    Defect.TOO_FEW_CLASSES: (
        "须包含大写字母、小写字母、数字、其他符号中的三种",
        "Use three of: capitals, small letters, digits, other characters",
    ),
    Defect.USED_BEFORE: ("最近用过这个密码，请换一个", "You used it before: choose another"),
}
_DIFFER = FormError("again", "两次输入的密码不一致", "The two passwords differ")


def rules(profile: Profile, shortest: int) -> tuple[str, str]:
    """What a password must be, in Chinese and in English."""
    if profile.classes:
        return (
            f"至少 {shortest} 个字符，包含大写字母、小写字母、数字、符号中的三种",
            f"At least {shortest} characters: three of capitals, small letters, digits, others",
        )
    return (
        f"至少 {shortest} 个字符；一句容易记住的话就很好，可用中文和空格",
        f"At least {shortest} characters; a sentence you remember is good, spaces are welcome",
    )


def differing(form: Form) -> Sequence[FormError]:
    """The complaint when the password was not typed the same twice."""
    same = form.get("password", "") == form.get("again", "")
    return () if same else (_DIFFER,)


def faults(refused: PasswordRefused) -> Sequence[FormError]:
    """Everything wrong with a password, by field."""
    return [
        FormError("password", *(words.format(shortest=refused.shortest) for words in _FAULTS[each]))
        for each in refused.defects
    ]
