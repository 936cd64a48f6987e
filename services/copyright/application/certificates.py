"""What a certificate tells of a registration: nothing that its evidence does not prove."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from services.copyright.application.evidence_ports import CertificateFacts, StampRow
from services.copyright.domain.evidence import LoggedEvent
from services.copyright.domain.names import STANDINGS
from services.copyright.domain.registrations import Party, Record, WorkFile
from services.copyright.verify.events import fold
from services.copyright.verify.leaf import Leaf
from services.copyright.verify.notes import Checkpoint
from shared.civil import civil_time

_FILES = 8
"""So many of a work's files are named."""

_TOLD = (
    ("completed_on", "完成日期 Completed"),
    ("first_published_on", "首次发表 Published"),
    ("registration_number", "作品登记号 Number"),
    ("dci", "DCI"),
)
_OURS = "(本平台自设 our own)"


def certified(
    record: Record,
    chosen: LoggedEvent,
    history: Sequence[LoggedEvent],
    files: Sequence[WorkFile],
    disclosed: Party | None,
    stamps: Sequence[StampRow],
    *,
    ours: Collection[str],
    local: Collection[str],
    address: str,
) -> CertificateFacts:
    """What is told with the event `chosen`. `ours` are the key names of witnesses and `local` the
    time-stamp authorities that the platform runs itself, and that are labelled as such."""
    leaf, note = Leaf.parse(chosen.entry), chosen.proof.checkpoint
    checkpoint = Checkpoint.parse(note.text)
    cosigned = [line.name for line in note.signatures if line.name != checkpoint.origin]
    own = sum(name in ours for name in cosigned)
    zh, en = STANDINGS[fold([each.entry for each in history]).standing]
    told = [(label, str(record.details.get(name) or "")) for name, label in _TOLD]
    return CertificateFacts(
        code=record.code,
        title=str(record.details.get("title") or record.resource_code or record.code),
        registration_id=str(record.id),
        claimed_at=datetime.fromisoformat(leaf.claimed_at),
        index=chosen.proof.index,
        size=checkpoint.size,
        origin=checkpoint.origin,
        root=checkpoint.root.hex(),
        standing=f"{zh} {en}",
        digests=_digests(leaf, files),
        names=[*(each for each in told if each[1]), *_names(history, disclosed)],
        witnesses=f"{len(cosigned)}" + (f"，其中 {own} 个为本平台自设 our own" if own else ""),
        stamps=[_stamp(each, local) for each in stamps],
        address=address,
    )


def _digests(leaf: Leaf, files: Sequence[WorkFile]) -> list[tuple[str, str]]:
    found = [("manifest root", leaf.manifest_root)] if leaf.manifest_root else []
    for each in files[:_FILES]:
        found += [(f"SHA-256 {each.path}", each.sha256), (f"SM3 {each.path}", each.sm3)]
    if (more := len(files) - _FILES) > 0:
        found.append((f"另有 {more} 个文件，见 manifest.json · and {more} more files, there", ""))
    if leaf.digests and not files:
        found += [("SHA-256", leaf.digests["sha256"]), ("SM3", leaf.digests["sm3"])]
    return found


def _names(history: Sequence[LoggedEvent], disclosed: Party | None) -> list[tuple[str, str]]:
    transferred = any(Leaf.parse(each.entry).type == "transfer.accept" for each in history)
    identity: Mapping[str, Any] = disclosed.identity if disclosed else {}
    labels = {
        "authors": "作者 Authors",
        "contributors": "贡献者 Contributors",
        "holders": "登记时权利人 Holders" if transferred else "权利人 Holders",
    }
    named = [(label, "、".join(identity[n])) for n, label in labels.items() if n in identity]
    if transferred:
        named.append(("转让 Transferred", "登记后已转让，见 history/ · passed on since"))
    return named


def _stamp(stamp: StampRow, local: Collection[str]) -> str:
    told = f"{stamp.authority} {civil_time(stamp.stamped_at)} 北京时间"
    return told + (_OURS if stamp.authority in local else "")
