"""Second factors: time-based codes (RFC 6238) and recovery codes."""

import base64
import hmac
import secrets
import unicodedata
from datetime import datetime
from urllib.parse import quote, urlencode

from shared.codes import ALPHABET
from shared.errors import DomainError

STEP_SECONDS = 30
DIGITS = 6
WINDOW = 1
SECRET_BYTES = 20
RECOVERY_CODES = 10
_RECOVERY_GROUPS, _RECOVERY_GROUP = 3, 4
_LOOKALIKES = str.maketrans("OIL", "011")


class WrongCode(DomainError):
    """The code is not the present one, or it was used already."""


class NoAuthenticator(DomainError):
    """There is no authenticator to be confirmed or removed."""


class PasskeyRefused(DomainError):
    """The passkey's answer does not verify, or its challenge is used up."""


class PasskeysUnavailable(DomainError):
    """The platform is reached by an IP address; passkeys belong to a name."""


class LastSecondFactor(DomainError):
    """The only second factor stays: the role asks for one, or the password is too short alone."""


def code_at(secret: bytes, step: int) -> str:
    """The six digits of a time step (RFC 4226 §5.3 with SHA-1, which every authenticator has)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def step_of(at: datetime) -> int:
    """The time step that an instant falls in."""
    return int(at.timestamp()) // STEP_SECONDS


def matching_step(secret: bytes, typed: str, now: datetime, last_step: int | None) -> int:
    """The step whose code was typed: the present one or a neighbour, later than `last_step`, so
    that no code works twice (RFC 6238 §5.2). Raises `WrongCode`."""
    code = "".join(each for each in unicodedata.normalize("NFKC", typed) if not each.isspace())
    found = None
    for step in range(step_of(now) - WINDOW, step_of(now) + WINDOW + 1):
        matches = hmac.compare_digest(code_at(secret, step).encode(), code.encode())
        if matches and (last_step is None or step > last_step):
            found = step
    if found is None:
        raise WrongCode(
            "Take the code that the authenticator shows now.", zh="请输入身份验证器当前显示的数字。"
        )
    return found


def new_secret() -> bytes:
    return secrets.token_bytes(SECRET_BYTES)


def shown_secret(secret: bytes) -> str:
    """Base 32, as authenticators take it by hand."""
    return base64.b32encode(secret).decode()


def provisioning_address(secret: bytes, account: str, issuer: str) -> str:
    """The ``otpauth:`` address that authenticators read from a QR code."""
    label = quote(f"{issuer}:{account}", safe="")
    query = {
        "secret": shown_secret(secret),
        "issuer": issuer,
        "algorithm": "SHA1",
        "digits": DIGITS,
        "period": STEP_SECONDS,
    }
    return f"otpauth://totp/{label}?{urlencode(query, quote_via=quote)}"


def new_recovery_codes() -> list[str]:
    """Ten codes of 60 random bits each."""
    return [
        "-".join(
            "".join(secrets.choice(ALPHABET) for _ in range(_RECOVERY_GROUP))
            for _ in range(_RECOVERY_GROUPS)
        )
        for _ in range(RECOVERY_CODES)
    ]


def read_recovery_code(typed: str) -> str | None:
    """The canonical form of a recovery code however it was typed, or None where it is none."""
    narrow = unicodedata.normalize("NFKC", typed).upper().translate(_LOOKALIKES)
    bare = "".join(each for each in narrow if each.isalnum())
    if len(bare) != _RECOVERY_GROUPS * _RECOVERY_GROUP or any(c not in ALPHABET for c in bare):
        return None
    size = _RECOVERY_GROUP
    return "-".join(bare[start : start + size] for start in range(0, len(bare), size))
