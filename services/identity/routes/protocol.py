"""What the endpoints of OAuth and OpenID Connect share: their parameters, the client's credentials,
and errors told as their standards have it (RFC 6749 §5.2), never as problem details."""

import base64
import binascii
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute

from services.identity.application.client_authentication import ASSERTION_TYPE, Credentials
from services.identity.domain.authorization import OAuthError
from services.identity.domain.clients import AuthMethod
from services.identity.schemas.oidc import OAuthProblem
from shared.errors import Unavailable

FORM = "application/x-www-form-urlencoded"
LONGEST_PARAMETER = 8192
MOST_PARAMETERS = 50

_STATUS = {"invalid_client": 401, "invalid_token": 401, "insufficient_scope": 403}
_NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of a request; one without a value counts as left out (RFC 6749 §3.1).
    ``repeated`` are those given more than once, which is an error, the last of each standing in
    ``values``."""

    values: Mapping[str, str]
    repeated: frozenset[str]

    @classmethod
    def parse(cls, encoded: str) -> "Parameters":
        """Read a query or a form. Raises `OAuthError`."""
        try:
            pairs = parse_qsl(encoded, strict_parsing=False, max_num_fields=MOST_PARAMETERS)
        except ValueError:
            raise OAuthError("invalid_request", "there are too many parameters") from None
        for name, value in pairs:
            if len(value) > LONGEST_PARAMETER or not value.isprintable():
                raise OAuthError("invalid_request", f"{name[:40]} is too long or not printable")
        names = [name for name, _ in pairs]
        return cls(dict(pairs), frozenset(name for name in names if names.count(name) > 1))

    def single(self) -> Mapping[str, str]:
        """The values. Raises `OAuthError` when any is repeated."""
        if self.repeated:
            raise OAuthError("invalid_request", f"repeated: {', '.join(sorted(self.repeated))}")
        return self.values


async def form_of(request: Request) -> Parameters:
    """The parameters in the body. Raises `OAuthError` unless it is a form."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise OAuthError("invalid_request", f"send the parameters as {FORM}")
    try:
        return Parameters.parse((await request.body()).decode())
    except UnicodeDecodeError:
        raise OAuthError("invalid_request", "the body is not UTF-8") from None


def required(given: Mapping[str, str], name: str) -> str:
    """The value of a parameter. Raises `OAuthError` without one."""
    if name not in given:
        raise OAuthError("invalid_request", f"{name} is missing")
    return given[name]


def credentials_of(request: Request, given: Mapping[str, str]) -> Credentials:
    """How the client proves itself, in one way only. Raises `OAuthError`."""
    offered = [
        found
        for found in (_basic(request, given), _assertion(given), _secret(given))
        if found is not None
    ]
    if len(offered) > 1:
        raise OAuthError("invalid_request", "prove the client in one way only")
    if offered:
        return offered[0]
    if "client_id" not in given:
        raise OAuthError("invalid_client", "the client does not say who it is")
    return Credentials(AuthMethod.NONE, given["client_id"])


def _basic(request: Request, given: Mapping[str, str]) -> Credentials | None:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if not scheme:
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        decoded = ""
    client_id, colon, secret = decoded.partition(":")
    client_id = unquote_plus(client_id)
    if scheme.lower() != "basic" or not colon or given.get("client_id", client_id) != client_id:
        raise OAuthError("invalid_client", "the Authorization header does not name the client")
    return Credentials(AuthMethod.BASIC, client_id, unquote_plus(secret))


def _secret(given: Mapping[str, str]) -> Credentials | None:
    if "client_secret" not in given:
        return None
    return Credentials(AuthMethod.POST, required(given, "client_id"), given["client_secret"])


def _assertion(given: Mapping[str, str]) -> Credentials | None:
    assertion = given.get("client_assertion")
    if assertion is None:
        return None
    if given.get("client_assertion_type") != ASSERTION_TYPE:
        raise OAuthError("invalid_client", f"client_assertion_type is not {ASSERTION_TYPE}")
    # Whose assertion it is stands in it; it is believed once its signature has been verified with
    # the keys of just that client.
    try:
        payload = assertion.split(".")[1]
        claims = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        client_id = claims["sub"]
    except (ValueError, IndexError, KeyError, TypeError):
        raise OAuthError("invalid_client", "client_assertion is no JWT with a sub") from None
    if not isinstance(client_id, str) or given.get("client_id", client_id) != client_id:
        raise OAuthError("invalid_client", "client_id is not the subject of the assertion")
    return Credentials(AuthMethod.PRIVATE_KEY_JWT, client_id, assertion)


def answer(body: Mapping[str, Any], status: int = 200) -> Response:
    """JSON that nobody stores."""
    return Response(orjson.dumps(body), status, _NO_STORE, media_type="application/json")


def refusal(request: Request, error: OAuthError) -> Response:
    """The error as JSON (RFC 6749 §5.2), with the challenge that belongs to it."""
    status = _STATUS.get(error.code, 400)
    response = answer({"error": error.code, "error_description": error.description}, status)
    if error.code == "invalid_client":
        response.headers["www-authenticate"] = 'Basic realm="shuyuan"'
    elif status in (401, 403):
        response.headers["www-authenticate"] = (
            f'Bearer realm="shuyuan", error="{error.code}", error_description="{error.description}"'
        )
    return response


class ProtocolRoute(APIRoute):
    """A route whose errors are OAuth's."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handling(request: Request) -> Response:
            try:
                return await handle(request)
            except OAuthError as error:
                return refusal(request, error)
            except Unavailable as error:
                body = {"error": "temporarily_unavailable", "error_description": error.detail}
                response = answer(body, 503)
                response.headers["retry-after"] = str(error.retry_after)
                return response

        return handling


def form_body(
    fields: Mapping[str, str], *needed: str, examples: Sequence[Mapping[str, str]]
) -> dict[str, Any]:
    """The OpenAPI description of a form, by field and meaning; anyone may call (the client proves
    itself in the form or with Basic)."""
    schema = {
        "type": "object",
        "properties": {
            name: {"type": "string", "description": meaning} for name, meaning in fields.items()
        },
        "required": list(needed),
        "examples": list(examples),
    }
    return {
        "openapi_extra": {
            "x-access": {"public": True},
            "security": [],
            "requestBody": {"required": True, "content": {FORM: {"schema": schema}}},
        }
    }


def query_parameters(fields: Mapping[str, str], example: Mapping[str, str]) -> dict[str, Any]:
    """The OpenAPI description of query parameters, by name and meaning; anyone may call."""
    return {
        "openapi_extra": {
            "x-access": {"public": True},
            "security": [],
            "parameters": [
                {
                    "name": name,
                    "in": "query",
                    "description": meaning,
                    "schema": {"type": "string"}
                    | ({"examples": [example[name]]} if name in example else {}),
                }
                for name, meaning in fields.items()
            ],
        }
    }


REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": OAuthProblem, "description": "An OAuth error"},
    401: {"model": OAuthProblem, "description": "The client or the token was not accepted"},
    503: {"model": OAuthProblem, "description": "temporarily_unavailable"},
}
