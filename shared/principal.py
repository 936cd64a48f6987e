"""The caller, from a JWT access token (RFC 9068) that is verified here, locally.

No database and no network on the way: keys are fetched in the background and kept while their
source is down; the claims of a verified token are cached until it expires or is revoked.
"""

import asyncio
import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

import httpx2
import structlog
from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import KeySet

from shared.context import current
from shared.errors import Unauthenticated, Unavailable

ALGORITHMS = ["ES256"]
CACHE_SIZE = 10_000
LONGEST_TOKEN = 8192
REFRESH_SECONDS = 300.0
RETRY_SECONDS = 5.0
FIRST_RETRY_SECONDS = 0.5
LEEWAY = 5

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls: the subject of the token, the client it was issued to, and what it may."""

    subject: str
    client: str
    scopes: frozenset[str]
    claims: Mapping[str, Any]


Revoked = Callable[[Mapping[str, Any]], bool]


class TokenVerifier:
    """Verifies access tokens of one issuer for one audience.

    ``revoked`` is asked for every token, cached or not; it answers from memory.
    """

    def __init__(
        self,
        issuer: str,
        jwks_url: str,
        audience: str = "shuyuan",
        revoked: Revoked = lambda _claims: False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._issuer = issuer
        self._jwks_url = jwks_url
        self._audience = audience
        self._revoked = revoked
        self._clock = clock
        self._jwks: Mapping[str, Any] = {}
        self._keys: KeySet | None = None
        self._cache: OrderedDict[bytes, Principal] = OrderedDict()
        self._refresh = asyncio.Event()

    @property
    def has_keys(self) -> bool:
        """Whether the issuer's keys were ever fetched."""
        return self._keys is not None

    def use_revocations(self, revoked: Revoked) -> None:
        """Ask `revoked` about every token from now on."""
        self._revoked = revoked

    def load(self, jwks: Mapping[str, Any]) -> None:
        """Use these public keys from now on; when they changed, cached tokens are verified anew."""
        if jwks == self._jwks:
            return
        self._keys = KeySet.import_key_set(jwks)  # type: ignore[arg-type]
        self._jwks = jwks
        self._cache.clear()

    async def run(self) -> None:
        """Fetch the keys now, every five minutes, and when a token names an unknown one."""
        async with httpx2.AsyncClient(timeout=2, trust_env=False) as client:
            while True:
                self._refresh.clear()
                try:
                    answer = await client.get(self._jwks_url)
                    answer.raise_for_status()
                    self.load(answer.json())
                except (httpx2.HTTPError, ValueError, KeyError, TypeError, JoseError) as error:
                    log.debug("JWKS not read, keeping what is known", error=repr(error))
                    await asyncio.sleep(RETRY_SECONDS if self._keys else FIRST_RETRY_SECONDS)
                    continue
                await asyncio.sleep(RETRY_SECONDS)
                with suppress(TimeoutError):
                    async with asyncio.timeout(REFRESH_SECONDS):
                        await self._refresh.wait()

    def verify(self, token: str) -> Principal:
        """The principal of `token`. Raises `Unauthenticated`, or `Unavailable` before any key."""
        if len(token) > LONGEST_TOKEN:
            raise Unauthenticated("The token is too long.", zh="令牌过长。")
        digest = hashlib.sha256(token.encode()).digest()
        principal = self._cache.get(digest)
        if principal is None:
            principal = self._verified(token)
            self._cache[digest] = principal
            if len(self._cache) > CACHE_SIZE:
                self._cache.popitem(last=False)
        if principal.claims["exp"] + LEEWAY <= self._clock():
            self._cache.pop(digest, None)
            raise _expired()
        if self._revoked(principal.claims):
            raise Unauthenticated(
                "The token was revoked: sign in again.", zh="令牌已被撤销，请重新登录。"
            )
        return principal

    def _verified(self, token: str) -> Principal:
        if self._keys is None:
            self._refresh.set()
            raise Unavailable(
                "The issuer's keys are not known yet.", zh="尚未取得签发者的公钥，请稍后重试。"
            )
        try:
            decoded = jwt.decode(
                token, self._keys, algorithms=ALGORITHMS, decoder_cls=_WithoutDuplicates
            )
            self._registry().validate(decoded.claims)
        except ExpiredTokenError as error:
            raise _expired() from error
        except (JoseError, ValueError, KeyError, TypeError) as error:
            self._refresh.set()
            raise Unauthenticated(
                "The token does not verify.", zh="令牌未通过校验，请重新登录。"
            ) from error
        if str(decoded.header.get("typ", "")).lower() not in ("at+jwt", "application/at+jwt"):
            raise Unauthenticated("This is no access token.", zh="这不是访问令牌。")
        claims = decoded.claims
        return Principal(
            subject=str(claims["sub"]),
            client=str(claims["client_id"]),
            scopes=frozenset(str(claims.get("scope", "")).split()),
            claims=claims,
        )

    def _registry(self) -> jwt.JWTClaimsRegistry:
        return jwt.JWTClaimsRegistry(
            now=lambda: int(self._clock()),
            leeway=LEEWAY,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._audience},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            client_id={"essential": True},
        )


def _expired() -> Unauthenticated:
    return Unauthenticated("The token has expired: refresh it.", zh="令牌已过期，请刷新。")


def _no_token() -> Unauthenticated:
    return Unauthenticated(
        "Send an access token as Authorization: Bearer.",
        zh="请以 Authorization: Bearer 附上访问令牌。",
    )


class _WithoutDuplicates(json.JSONDecoder):
    """Refuses a repeated claim, of which the gateway may read the one and we the other."""

    def __init__(self) -> None:
        super().__init__(object_pairs_hook=self._once)

    @staticmethod
    def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a claim is repeated")
        return found


class _Identified(HTTPBearer):
    """The caller by the token of a request. One dependency for all of it: each costs FastAPI about
    as long as the verification of a known token."""

    def __init__(self, *, required: bool) -> None:
        super().__init__(auto_error=False, bearerFormat="JWT", scheme_name="access_token")
        self._required = required

    async def __call__(self, request: Request) -> Principal | None:  # type: ignore[override]
        credentials = await super().__call__(request)
        if credentials is None:
            if self._required or "authorization" in request.headers:
                raise _no_token()
            return None
        verifier: TokenVerifier = request.app.state.verifier
        principal = verifier.verify(credentials.credentials)
        context = current()
        context.actor, context.client = principal.subject, principal.client
        act = principal.claims.get("act")
        if isinstance(act, dict) and "sub" in act:
            context.actor, context.on_behalf_of = str(act["sub"]), principal.subject
        return principal


MaybeCaller = Annotated[Principal | None, Depends(_Identified(required=False))]
"""The caller, or None without a token; a bad token is refused, never taken for none."""
Caller = Annotated[Principal, Depends(_Identified(required=True))]
"""The caller. Raises `Unauthenticated` (401)."""
