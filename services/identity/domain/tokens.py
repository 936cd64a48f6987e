"""What codes and tokens are made of, how long they live, and what makes them void."""

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, Self

from services.identity.domain.authorization import Authorization
from services.identity.domain.clients import PERSONAL_SCOPES, Client
from shared.ids import uuid7

AUDIENCE = "shuyuan"
LONGEST_ACCESS_TOKEN_LIFE = timedelta(minutes=10)
ID_TOKEN_LIFE = timedelta(minutes=10)


class RevocationKind(StrEnum):
    """Which claim of a token a revocation names: jti, sid, fam, sub, client_id, and sub again
    where a guardian's consent was withdrawn."""

    TOKEN = "token"  # noqa: S105 - a name, not a secret
    SESSION = "session"
    FAMILY = "family"
    PERSON = "person"
    CLIENT = "client"
    CONSENT = "consent"


@dataclass(frozen=True, slots=True)
class Revocation:
    """Tokens of `kind` and `value` issued before `before` are void; none lives past
    `expires_at`. ``id`` orders the feed."""

    id: int
    kind: str
    value: str
    before: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class StoredCode:
    """A code as it is kept: with what the exchange must repeat. Tokens issued
    before `void_before` are void, since the person's older ones were revoked."""

    authorization: Authorization
    redirect_uri: str
    code_challenge: str | None
    nonce: str | None
    expires_at: datetime
    used_at: datetime | None
    void_before: datetime | None


@dataclass(frozen=True, slots=True)
class StoredRefresh:
    """What is kept of the refresh tokens of one family: the hash of the one that is good."""

    authorization: Authorization
    hash: bytes
    void_before: datetime | None


class RefreshToken(NamedTuple):
    """A handle, which all refresh tokens of a family share and nothing else tells, and a secret,
    which is good once. A known handle with another secret is a token used before: so replay is
    recognised for as long as the family lives, while one row is kept for each family."""

    handle: str
    secret: str

    @classmethod
    def parse(cls, text: str) -> Self | None:
        if not _REFRESH_TOKEN.fullmatch(text):
            return None
        return cls(text[:_HANDLE], text[_HANDLE:])

    @classmethod
    def first(cls) -> Self:
        return cls(secrets.token_urlsafe(16), new_secret())

    def following(self) -> Self:
        return self._replace(secret=new_secret())

    def __str__(self) -> str:
        return self.handle + self.secret


_HANDLE = 22
_REFRESH_TOKEN = re.compile(r"[A-Za-z0-9_-]{65}")


@dataclass(frozen=True, slots=True)
class TokenSet:
    """What the token endpoint answers (RFC 6749 §5.1, Core §3.1.3.3)."""

    access_token: str
    scopes: frozenset[str]
    life: timedelta
    refresh_token: str | None = None
    id_token: str | None = None

    def with_refresh(self, token: RefreshToken) -> Self:
        return replace(self, refresh_token=str(token))


def new_secret() -> str:
    """256 random bits, as 43 characters of base64url."""
    return secrets.token_urlsafe(32)


def fingerprint(secret: str) -> bytes:
    """The SHA-256 under which a random secret is kept; nothing slower is needed for 256 bits."""
    return hashlib.sha256(secret.encode()).digest()


def half_hash(value: str) -> str:
    """``at_hash`` of an ID token signed with RS256 (Core §3.1.3.6)."""
    digest = hashlib.sha256(value.encode()).digest()
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


def _registered(issuer: str, subject: str, now: datetime, life: timedelta) -> dict[str, Any]:
    issued_at = int(now.timestamp())
    return {
        "iss": issuer,
        "sub": subject,
        "iat": issued_at,
        "exp": issued_at + int(life.total_seconds()),
    }


def life_until(end: datetime | None, now: datetime, longest: timedelta) -> timedelta:
    """The life of an access token issued `now` that is good until before `end`: ``exp`` tells whole
    seconds."""
    if end is None:
        return longest
    return min(longest, timedelta(seconds=int(end.timestamp()) - int(now.timestamp())))


def person_claims(
    issuer: str,
    authorization: Authorization,
    scopes: frozenset[str],
    grants: Sequence[str],
    now: datetime,
    life: timedelta,
) -> dict[str, Any]:
    """The claims of an access token (RFC 9068 §2.2) with which a client acts for a person."""
    return {
        **_registered(issuer, str(authorization.person_id), now, life),
        "aud": AUDIENCE,
        "client_id": str(authorization.client_id),
        "jti": str(uuid7()),
        "scope": " ".join(sorted(scopes)),
        "grants": list(grants),
        **authorization.token_claims(),
    }


def client_claims(
    issuer: str,
    client: Client,
    scopes: frozenset[str],
    grants: Sequence[str],
    now: datetime,
    life: timedelta,
) -> dict[str, Any]:
    """The claims of an access token with which a client acts for itself; ``quota`` is the class
    that the gateway counts it in."""
    return {
        **_registered(issuer, str(client.id), now, life),
        "aud": AUDIENCE,
        "client_id": str(client.id),
        "jti": str(uuid7()),
        "scope": " ".join(sorted(scopes)),
        "grants": list(grants),
        "quota": client.terms.quota_class,
    }


def id_claims(
    issuer: str,
    authorization: Authorization,
    now: datetime,
    *,
    access_token: str,
    nonce: str | None,
    asked: Mapping[str, Any],
) -> dict[str, Any]:
    """The claims of an ID token (Core §2). ``asked`` are claims requested by name."""
    session = authorization.session_id
    return {
        **asked,
        **_registered(issuer, str(authorization.person_id), now, ID_TOKEN_LIFE),
        "aud": str(authorization.client_id),
        "auth_time": int(authorization.auth_time.timestamp()),
        "acr": authorization.acr,
        "amr": list(authorization.amr),
        "at_hash": half_hash(access_token),
        **({"sid": str(session)} if session is not None else {}),
        **({"nonce": nonce} if nonce is not None else {}),
    }


def own_scopes(client: Client) -> frozenset[str]:
    """The scopes with which a client may act for itself."""
    return client.terms.scopes - PERSONAL_SCOPES
