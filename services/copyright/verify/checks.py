"""Every step of the check of an evidence bundle, in order. Each stands alone."""

from collections.abc import Callable, Mapping

from services.copyright.verify.bundle import PROOF, SHA256_SUMS, SM3_PROOF, SM3_SUMS
from services.copyright.verify.chinese import in_chinese
from services.copyright.verify.events import EventRefused
from services.copyright.verify.evidence import Absent, Evidence
from services.copyright.verify.logged import (
    checkpoint,
    checksums,
    container,
    inclusion,
    log_signature,
    record,
    timestamps,
    witnesses,
)
from services.copyright.verify.merkle import SHA256, SM3, CannotCheck
from services.copyright.verify.registered import (
    content,
    deposits,
    details,
    disclosure,
    enclosed_keys,
    history,
    iscc,
    licence,
)
from services.copyright.verify.report import Finding, Report, Step, Verdict
from services.copyright.verify.seal import seal

Run = Callable[[Evidence], Finding]

STEPS: Mapping[str, tuple[str, str, Run]] = {
    "container": ("归档", "Archive", container),
    "sha256sums": ("SHA-256 校验和", "SHA-256 checksums", checksums(SHA256_SUMS)),
    "sm3sums": ("SM3 校验和", "SM3 checksums", checksums(SM3_SUMS)),
    "seal": ("签封", "Seal", seal),
    "record": ("记录格式", "Record", record),
    "checkpoint": ("检查点", "Checkpoint", checkpoint),
    "log-signature": ("日志签名", "Log signature", log_signature(PROOF)),
    "inclusion": ("收录证明", "Inclusion proof", inclusion(PROOF, SHA256)),
    "sm3-signature": ("国密日志签名", "SM3 log signature", log_signature(SM3_PROOF)),
    "sm3-inclusion": ("国密收录证明", "SM3 inclusion proof", inclusion(SM3_PROOF, SM3)),
    "witnesses": ("见证", "Witnesses", witnesses),
    "timestamps": ("可信时间戳", "Time-stamps", timestamps),
    "details": ("登记事项", "Described facts", details),
    "disclosure": ("身份披露", "Disclosed identity", disclosure),
    "history": ("变更历史", "History", history),
    "licence": ("许可", "Licence", licence),
    "deposits": ("第三方存证", "Deposits", deposits),
    "content": ("作品", "Work", content),
    "iscc": ("内容标识码", "ISCC", iscc),
    "enclosed-keys": ("所附公钥", "Enclosed keys", enclosed_keys),
}
"""Each step's name, its titles in Chinese and English, and what it does."""


def check(evidence: Evidence) -> Report:
    """Every step over a bundle, whatever the others found."""
    return Report(
        tuple(Step(name, zh, en, _found(run, evidence)) for name, (zh, en, run) in STEPS.items())
    )


def _found(run: Run, evidence: Evidence) -> Finding:
    try:
        return run(evidence)
    except Absent as absent:
        return Finding(Verdict.ABSENT, *absent.args)
    except CannotCheck as lack:
        return Finding(Verdict.UNCHECKED, in_chinese(str(lack)), str(lack))
    except (ValueError, EventRefused) as fault:
        return Finding(Verdict.FAIL, in_chinese(str(fault)), str(fault))
