"""The written commitment (承诺书) that whoever submits signs, by version of its text.

A text that was signed once stays for ever; another wording is another version.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple


class Commitment(NamedTuple):
    zh: str
    en: str


COMMITMENTS: Mapping[str, Commitment] = {
    "2026-1": Commitment(
        "本人承诺：已按政治性、导向性、科学性、适用性、规范性、时效性、公益性要求对所提交内容进行自审；"
        "内容合法、真实，权利来源清楚，不侵犯他人权益，不含个人隐私和商业广告；"
        "对内容负责，如有问题愿承担相应责任并配合下架。",
        "I have reviewed what I submit against all seven criteria. It is lawful and true, its"
        " rights are clear, it violates nobody's rights, and it holds no private data and no"
        " advertising. I answer for it, and assist in taking it down should anything be wrong.",
    ),
}
CURRENT = "2026-1"


def digest_of(version: str, content: bytes, signer: str, at: datetime) -> bytes:
    """SHA-256 over the signed text, the digest of the content, the signer and the time."""
    told = COMMITMENTS[version]
    parts = (version, told.zh, told.en, content.hex(), signer, at.isoformat())
    return hashlib.sha256("\0".join(parts).encode()).digest()
