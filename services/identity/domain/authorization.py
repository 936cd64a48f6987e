"""What a client asks of a person, and what it was given (OpenID Connect Core, OAuth 2.1).

An `OAuthError` is told to the client: by redirect, or as JSON (RFC 6749 §4.1.2.1, §5.2). Where the
client or its address is not known nobody is redirected anywhere (RFC 9700 §4.11.2), so that is told
to the person, as any other domain error.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol, Self
from uuid import UUID

from services.identity.domain.clients import Client, GrantType
from shared.errors import DomainError

CODE_LIFE = timedelta(seconds=60)
UNREFRESHED_LIFE = timedelta(minutes=15)
REFRESH_LIFE = timedelta(days=30)
LONGEST_LIFE = timedelta(days=180)
"""An authorization lives for its code and the access token that comes of it; with each refresh for
as long as the refresh token; in all, no longer than the last."""
DEVICE_CODE_LIFE = timedelta(minutes=10)
DEVICE_POLL_SECONDS = 5

SCOPE_CLAIMS: Mapping[str, frozenset[str]] = {
    "profile": frozenset(
        {
            *("name", "family_name", "given_name", "middle_name", "nickname", "gender"),
            *("preferred_username", "profile", "picture", "website", "birthdate", "zoneinfo"),
            *("locale", "updated_at"),
        }
    ),
    "email": frozenset({"email", "email_verified"}),
    "phone": frozenset({"phone_number", "phone_number_verified"}),
    "address": frozenset({"address"}),
}
"""Which claims a scope opens (Core §5.4)."""

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*")
_REFUSED_PARAMETERS = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}


class OAuthError(Exception):
    """``code`` is a registered OAuth error; ``description`` is for the client's developer."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description


class UnreadableRequest(DomainError):
    """The parameters are malformed, too long, or name the client twice."""


UNREADABLE_ZH = "请求参数有误：请返回应用重试，或联系应用的开发者。"


class UnknownClient(DomainError):
    """The application that the person comes from is not known, or not approved."""


class ToldOtherwise(Exception):
    """The page on which the person decided told something else than would be told now."""


class UnknownAddress(DomainError):
    """The address that the person should go to is not registered for the application."""


class UnknownHint(DomainError):
    """The ID token that came along is none of ours, or of another client."""


@dataclass(frozen=True, slots=True)
class RequestedClaims:
    """Single claims asked for by name (Core §5.5), and the acr values without which the client
    would rather have nothing (§5.5.1.1)."""

    userinfo: frozenset[str] = frozenset()
    id_token: frozenset[str] = frozenset()
    acr: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str, scopes: frozenset[str]) -> Self:
        """Read the ``claims`` parameter; claims that `scopes` do not open, and claims that we do
        not know, are passed over. Raises `OAuthError`."""
        opened = frozenset().union(*(SCOPE_CLAIMS.get(scope, frozenset()) for scope in scopes))
        try:
            asked = json.loads(text)
            userinfo, id_token = asked.get("userinfo") or {}, asked.get("id_token") or {}
            acr = id_token.get("acr") or {}
            values = acr.get("values") or ([acr["value"]] if "value" in acr else [])
            return cls(
                frozenset(userinfo) & opened,
                frozenset(id_token) & opened,
                frozenset(values) if acr.get("essential") is True else frozenset(),
            )
        except (ValueError, AttributeError, TypeError, RecursionError):
            raise OAuthError("invalid_request", "claims is no JSON object of Core 5.5") from None

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes that open these claims."""
        return scopes_of(self.userinfo | self.id_token)


def scopes_of(claims: Iterable[str]) -> frozenset[str]:
    """The scopes that open any of `claims`."""
    return frozenset(
        scope for scope, opened in SCOPE_CLAIMS.items() if not opened.isdisjoint(claims)
    )


class SignedIn(Protocol):
    """A session, as far as a request asks."""

    @property
    def authenticated_at(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request of the code flow whose client and redirect address are known to be good.

    ``asked_at`` is when this very request sent its browser to the login page: who signed in after
    that instant has met ``prompt`` and ``max_age``.
    """

    client: Client
    redirect_uri: str
    scopes: frozenset[str]
    code_challenge: str | None
    nonce: str | None
    prompt: frozenset[str]
    max_age: int | None
    id_token_hint: str | None
    login_hint: str | None
    claims: RequestedClaims
    asked_at: datetime | None

    @classmethod
    def read(
        cls,
        given: Mapping[str, str],
        client: Client,
        redirect_uri: str,
        asked_at: datetime | None = None,
    ) -> Self:
        """Read the parameters. Raises `OAuthError`, to be told by redirect."""
        for name, error in _REFUSED_PARAMETERS.items():
            if name in given:
                raise OAuthError(error, f"{name} is not supported: send plain parameters")
        if "response_type" not in given:
            raise OAuthError("invalid_request", "response_type is missing")
        if given["response_type"] != "code":
            raise OAuthError("unsupported_response_type", "only response_type=code is supported")
        if given.get("response_mode", "query") != "query":
            raise OAuthError("invalid_request", "only response_mode=query is supported")
        if not client.may(GrantType.AUTHORIZATION_CODE):
            raise OAuthError(
                "unauthorized_client", "the client is not registered for the code flow"
            )
        prompt = frozenset(given.get("prompt", "").split())
        if "none" in prompt and len(prompt) > 1:
            raise OAuthError("invalid_request", "prompt=none stands alone")
        return cls(
            client=client,
            redirect_uri=redirect_uri,
            scopes=_scopes(given.get("scope", ""), client),
            code_challenge=_challenge(given, client),
            nonce=given.get("nonce"),
            prompt=prompt,
            max_age=_seconds(given, "max_age"),
            id_token_hint=given.get("id_token_hint"),
            login_hint=given.get("login_hint"),
            claims=RequestedClaims.parse(given.get("claims", "{}"), client.terms.scopes),
            asked_at=asked_at,
        )

    @property
    def silent(self) -> bool:
        """Whether the person may not be shown anything."""
        return "none" in self.prompt

    @property
    def wanted(self) -> frozenset[str]:
        """What the person has to agree to."""
        return self.scopes | self.claims.scopes

    def returning(self, session: SignedIn) -> bool:
        """Whether the person signed in because this request asked for it."""
        return self.asked_at is not None and session.authenticated_at >= self.asked_at

    def met_by(self, session: SignedIn, now: datetime) -> bool:
        """Whether the sign-in is fresh enough for ``prompt`` and ``max_age``."""
        if self.returning(session):
            return True
        if "login" in self.prompt or "select_account" in self.prompt:
            return False
        age = (now - session.authenticated_at).total_seconds()
        return self.max_age is None or age <= self.max_age


def _scopes(text: str, client: Client) -> frozenset[str]:
    """The scopes asked for that the client may have; others are passed over (Core §3.1.2.1)."""
    scopes = frozenset(text.split()) & client.terms.scopes
    if not scopes:
        raise OAuthError("invalid_scope", "none of the scopes is registered for the client")
    return scopes


def narrowed(text: str | None, allowed: frozenset[str]) -> frozenset[str]:
    """The scopes in `text`, or all that are allowed. Raises `OAuthError` for one more than
    those (RFC 6749 §3.3, §6)."""
    if text is None:
        return allowed
    if not _SCOPE.fullmatch(text):
        raise OAuthError("invalid_scope", "scope is a list of names separated by single spaces")
    scopes = frozenset(text.split(" "))
    if not scopes <= allowed:
        raise OAuthError("invalid_scope", f"not allowed: {' '.join(sorted(scopes - allowed))}")
    return scopes


def _challenge(given: Mapping[str, str], client: Client) -> str | None:
    challenge = given.get("code_challenge")
    if challenge is None:
        if client.needs_pkce():
            raise OAuthError("invalid_request", "code_challenge is missing: use PKCE with S256")
        if "code_challenge_method" in given:
            raise OAuthError("invalid_request", "code_challenge is missing beside its method")
        return None
    if given.get("code_challenge_method") != "S256":
        raise OAuthError("invalid_request", "code_challenge_method must be S256")
    if not _CHALLENGE.fullmatch(challenge):
        raise OAuthError("invalid_request", "code_challenge is 43 characters of base64url")
    return challenge


def _seconds(given: Mapping[str, str], name: str) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,10}", text):
        raise OAuthError("invalid_request", f"{name} is a number of seconds")
    return int(text)


def s256(verifier: str) -> str:
    """The code challenge of a verifier (RFC 7636 §4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def check_verifier(challenge: str | None, verifier: str | None) -> None:
    """Raises `OAuthError` unless the verifier is the challenge's. One without a challenge is
    refused too, else a code could be injected into a session that uses PKCE (RFC 9700 §4.8.2)."""
    if challenge is None and verifier is None:
        return
    if (
        challenge is None
        or verifier is None
        or not _VERIFIER.fullmatch(verifier)
        or not hmac.compare_digest(s256(verifier), challenge)
    ):
        raise OAuthError("invalid_grant", "code_verifier does not fit the code_challenge")


@dataclass(frozen=True, slots=True)
class Authorization:
    """What a person gave a client once: the family of all tokens that came of it.

    It ends with the session in which it was given, unless ``offline_access`` was part of it or it
    was given to a device, which has no session.
    """

    id: UUID
    client_id: UUID
    person_id: UUID
    session_id: UUID | None
    scopes: frozenset[str]
    auth_time: datetime
    acr: str
    amr: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    ends_at: datetime
    claims: RequestedClaims = field(default_factory=RequestedClaims)
    revoked_at: datetime | None = None
    session_ends_at: datetime | None = None
    """When its session ended or will end; None for a session that is not even remembered."""

    @property
    def session_bound(self) -> bool:
        return self.session_id is not None and "offline_access" not in self.scopes

    def live(self, now: datetime) -> bool:
        """Whether tokens may still come of it."""
        limits = [self.expires_at, self.ends_at]
        if self.session_bound:
            limits.append(self.session_ends_at or self.created_at)
        return self.revoked_at is None and now < min(limits)

    def refreshed_until(self, now: datetime) -> datetime:
        """Until when it lives with a refresh token issued now."""
        return min(now + REFRESH_LIFE, self.ends_at)

    def token_claims(self) -> dict[str, Any]:
        """What an access token says of it; of its session, only if it ends with that."""
        return {
            "fam": str(self.id),
            "auth_time": int(self.auth_time.timestamp()),
            "acr": self.acr,
            **({"sid": str(self.session_id)} if self.session_bound else {}),
        }
