"""The purposes that a new deployment begins with, none consented to. Administrators of the province
publish later versions and further purposes."""

from datetime import UTC, datetime

from services.identity.domain.guardians import Purpose

_EFFECTIVE_AT = datetime(2026, 1, 1, tzinfo=UTC)


def _first(purpose: str, titles: tuple[str, str], texts: tuple[str, str], *scopes: str) -> Purpose:
    return Purpose(purpose, 1, *titles, *texts, frozenset(scopes), _EFFECTIVE_AT)


STARTER_PURPOSES = (
    _first(
        "learning-space",
        ("使用学习空间", "Using the learning space"),
        (
            "孩子登录学习空间，查找资源、学习课程，平台记录其姓名、班级和学习进度，供任课教师和监护人查看。",
            "The child signs in to the learning space, finds resources and takes courses. The "
            "platform keeps name, class and progress; the child's teachers and guardians see them.",
        ),
        "profile",
        "offline_access",
        "identity.read",
        "catalog.read",
        "learning.read",
    ),
    _first(
        "homework",
        ("提交作业", "Handing in homework"),
        (
            "孩子在平台完成并提交作业，答案和成绩由任课教师批阅，毕业或转出后按规定归档。",
            "The child does and hands in homework on the platform. Teachers see and mark it; it is "
            "archived by the rules when the child leaves.",
        ),
        "learning.read",
        "learning.write",
    ),
    _first(
        "publish-works",
        ("发表作品", "Publishing works"),
        (
            "孩子将自己的作品投稿到资源平台，经审核后公开展示，并登记著作权信息；公开页面只显示署名。",
            "The child offers own works to the platform. After review they are shown in public and "
            "registered for copyright; the public page shows the chosen author name only.",
        ),
        "catalog.read",
        "catalog.write",
        "copyright.read",
        "copyright.write",
    ),
    _first(
        "third-party-application",
        ("使用第三方应用", "Using third-party applications"),
        (
            "孩子用平台账号登录经省级批准的第三方应用，应用获得其姓名、用户名、出生日期和电子邮箱，不得用于其他目的。",
            "The child signs in to third-party applications that the province has approved. They "
            "receive name, user name, birth date and email address, and may use them for nothing "
            "else.",
        ),
        "profile",
        "email",
    ),
    _first(
        "analytics",
        ("学习分析", "Learning analytics"),
        (
            "平台分析孩子的学习行为，向教师提供个性化教学建议。默认关闭，不同意不影响其他功能。",
            "The platform analyses how the child learns and advises teachers. It is off unless "
            "consented to, and nothing else depends on it.",
        ),
    ),
)
