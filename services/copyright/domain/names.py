"""What people call the events of a registration and where it stands, in Chinese and in English."""

from collections.abc import Mapping

from services.copyright.verify.events import RULES, Actor, Registration

KINDS: Mapping[str, tuple[str, str]] = {
    "register": ("登记", "Registered"),
    "revise": ("修订", "Revised"),
    "licence.offer": ("发出许可", "Licence offered"),
    "licence.agree": ("接受许可", "Licence agreed to"),
    "licence.revoke": ("撤回许可", "Licence withdrawn"),
    "transfer.propose": ("提出转让", "Transfer proposed"),
    "transfer.accept": ("接受转让", "Transfer accepted"),
    "claim.dispute": ("权属争议", "Disputed"),
    "takedown.notice": ("下架通知", "Takedown notice"),
    "takedown.counter": ("反通知", "Counter-notice"),
    "takedown.decision": ("裁决", "Decision"),
    "restore": ("恢复", "Restored"),
    "key.rotate": ("更换公钥", "Key rotated"),
    "policy.publish": ("公布许可配置", "Licences published"),
    "log.continue": ("接续已冻结的日志", "Continues a frozen log"),
    "audit.head": ("审计链首", "Head of the audit chain"),
}
STANDINGS: Mapping[str, tuple[str, str]] = {
    "new": ("尚未登记", "not registered"),
    "active": ("有效", "in force"),
    "disputed": ("有权属争议", "disputed"),
    "noticed": ("收到下架通知", "under a takedown notice"),
    "countered": ("下架通知已答复", "notice answered"),
    "removed": ("已下架", "taken down"),
    "platform": ("平台事件", "events of the platform"),
}
_ACTORS: Mapping[Actor, tuple[str, str]] = {
    Actor.PERSON: ("登录用户", "somebody who is signed in"),
    Actor.HOLDER: ("权利人", "the holder"),
    Actor.OTHER: ("权利人以外的人", "somebody other than the holder"),
    Actor.RECIPIENT: ("转让的受让人", "the recipient of the transfer"),
    Actor.PLATFORM: ("平台", "the platform"),
}
_REASONS: Mapping[str, str] = {
    "no transfer is proposed": "没有待接受的转让",
    "no licence is offered": "没有可接受或可撤回的许可",
    "that licence is not offered": "该许可未发出，或已撤回",
    "the holder has it already": "受让人已是权利人",
    "that transfer is not the one proposed last": "该转让不是最近提出的一项",
    "a revision does not go back to an earlier version": "修订不能退回更早的版本",
}
"""Why an event is refused that the registration's standing would allow."""


def why_not_now(state: Registration, kind: str, reason: str) -> tuple[str, str]:
    """Why an event has no place now, and what to do next, in English and in Chinese."""
    named, standing = KINDS[kind], STANDINGS[state.standing]
    if state.standing in RULES[kind].standings:
        en, zh = reason, _REASONS[reason]
    else:
        en, zh = f"the registration is {standing[1]}", f"登记目前的状态为“{standing[0]}”"
    return (
        f"Not now ({named[1]}): {en}. Read the registration again: allowed tells what you may do.",
        f"现在不能“{named[0]}”：{zh}。请重新读取登记，allowed 列出您可以进行的操作。",
    )


def whose(kind: str) -> tuple[str, str]:
    """Whose an event is to make, in English and in Chinese."""
    named, actor = KINDS[kind], _ACTORS[RULES[kind].actor]
    return (
        f"It is for {actor[1]} to do ({named[1]}).",
        f"“{named[0]}”应由{actor[0]}作出。",
    )
