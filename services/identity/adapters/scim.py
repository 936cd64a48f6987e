"""SCIM 2.0 (RFC 7643, RFC 7644) over the accounts that clients provision.

scim2-server speaks the protocol: it validates, patches, pages, negotiates versions, and says what
is wrong. Here stand the schema that we publish, and the storage that it works on.
"""

import hashlib
from typing import Annotated, Any
from uuid import UUID

import orjson
from pydantic import EmailStr, ValidationError
from scim2_models import (
    URN,
    AuthenticationScheme,
    Bulk,
    ChangePassword,
    ComplexAttribute,
    ETag,
    Filter,
    InvalidFilterException,
    InvalidValueException,
    Meta,
    Mutability,
    NotFoundException,
    Patch,
    PreconditionFailedException,
    Required,
    Resource,
    ResourceType,
    Schema,
    SCIMException,
    ScimPolicy,
    ScimProvider,
    SearchRequest,
    ServiceProviderConfig,
    Sort,
    Uniqueness,
    UniquenessException,
)
from scim2_models.path import (
    CompareOperator,
    Comparison,
    FilterNode,
    LogicalExpr,
    LogicalOperator,
)
from scim2_server.handler import AsyncScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.responses import ScimResponse
from scim2_server.service import ScimService, scim_exception_of
from scim2_server.storage import AsyncScimStorage, SearchPage

from services.identity.application.scim import (
    ProvisionedUser,
    Provisioning,
    UserQuery,
)
from services.identity.domain.identifiers import (
    IdentifierKey,
    IdentifierKind,
    IdentifierTaken,
    InvalidIdentifier,
    identify,
)
from services.identity.domain.names import InvalidName
from services.identity.domain.user_drafts import UserDraft, is_external_id
from shared.context import worded
from shared.errors import NotFound
from shared.principal import Principal

MAX_RESULTS = 200
_FARTHEST = 2**31


class Name(ComplexAttribute):
    formatted: str | None = None
    family_name: str | None = None
    given_name: str | None = None


class Email(ComplexAttribute):
    value: Annotated[EmailStr | None, Required.true] = None


class Group(ComplexAttribute):
    value: Annotated[str | None, Mutability.read_only] = None
    display: Annotated[str | None, Mutability.read_only] = None


class User(Resource[Any]):
    """The part of the core schema that we keep. An account has one e-mail address; ``userType``
    ``Student`` makes a pupil of it; groups are the classes and institutions below the client's
    organisation that the person belongs to."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:User")

    user_name: Annotated[str | None, Required.true, Uniqueness.server] = None
    name: Name | None = None
    display_name: str | None = None
    user_type: str | None = None
    active: bool | None = None
    emails: list[Email] | None = None
    groups: Annotated[list[Group] | None, Mutability.read_only] = None


CONFIG = ServiceProviderConfig(
    patch=Patch(supported=True),
    bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
    filter=Filter(supported=True, max_results=MAX_RESULTS),
    change_password=ChangePassword(supported=False),
    sort=Sort(supported=False),
    etag=ETag(supported=True),
    authentication_schemes=[
        AuthenticationScheme(
            type=AuthenticationScheme.Type.oauthbearertoken,
            name="OAuth 2.0 Bearer Token",
            description="An access token of client credentials with the scope scim.",
            primary=True,
        )
    ],
)
PROVIDER = ScimProvider(
    models=[User, ResourceType, Schema, ServiceProviderConfig],
    resource_types=[ResourceType.from_resource(User)],
    config=CONFIG,
    # What directories in wide use send beside the standard.
    policy=ScimPolicy(
        unknown=ScimPolicy.Unknown.ignore,
        remove_value_as_filter=ScimPolicy.RemoveValue.apply,
        unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
    ),
)


class ScimEndpoint:
    """Answers requests of a client, below ``base_url``."""

    def __init__(self, provisioning: Provisioning, base_url: str) -> None:
        self._provisioning = provisioning
        self._service = ScimService(PROVIDER)
        self._base_url = base_url

    async def handle(
        self,
        caller: Principal,
        method: str,
        path: str,
        query: dict[str, str],
        headers: list[tuple[str, str]],
        body: bytes,
    ) -> ScimResponse:
        """The answer, refusals of the protocol included. Raises domain errors."""
        request = ScimRequest(method, self._base_url, path, query, headers, body, caller)
        handler = AsyncScimHandler(
            self._service, _Storage(self._provisioning, caller, patches=method == "PATCH")
        )
        try:
            return await handler.handle(request)
        except SCIMException as error:
            return self._service.error_response(_told(error))
        except NotFound as error:
            return self._service.error_response(
                NotFoundException(detail=worded(error.detail, error.detail_zh))
            )
        except IdentifierTaken as error:
            return self._service.error_response(
                UniquenessException(detail=worded(error.detail, error.detail_zh))
            )
        except (InvalidIdentifier, InvalidName) as error:
            return self._service.error_response(
                InvalidValueException(detail=worded(error.detail, error.detail_zh))
            )


def _told(error: SCIMException) -> SCIMException:
    """The error without what the library quotes of its own."""
    cause = error.__cause__
    return scim_exception_of(cause) if isinstance(cause, ValidationError) else error


class _Storage(AsyncScimStorage):
    """The accounts that one client sees. Where it `patches`, nothing is missing of a resource but
    what was removed."""

    def __init__(self, provisioning: Provisioning, caller: Principal, *, patches: bool) -> None:
        self._provisioning = provisioning
        self._caller = caller
        self._patches = patches

    async def get(
        self, resource_type: ResourceType, resource_id: str, **_parameters: Any
    ) -> Resource[Any]:
        return _resource(await self._provisioning.user(self._caller, _id(resource_id)))

    async def search(
        self,
        resource_types: list[ResourceType],
        search_request: SearchRequest[Any],
        *,
        position: Any = None,
    ) -> SearchPage:
        wanted = search_request.filter
        query = _query(wanted.ast) if wanted else UserQuery()
        # The page tells where it starts: neither PostgreSQL nor JSON has integers without end.
        search_request.start_index = min(search_request.start_index or 1, _FARTHEST)
        offset = search_request.start_index - 1
        limit = MAX_RESULTS if search_request.count is None else search_request.count
        limit = min(limit, MAX_RESULTS)
        total, found = await self._provisioning.users(self._caller, query, offset, limit)
        return SearchPage(total, [_resource(each) for each in found])

    async def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        return _resource(await self._provisioning.add_user(self._caller, _draft(resource)))

    async def update(
        self,
        resource_type: ResourceType,
        resource: Resource[Any],
        *,
        expected_version: str | None = None,
    ) -> Resource[Any]:
        changed = await self._provisioning.change_user(
            self._caller,
            _id(resource.id),
            _draft(resource),
            _unless(expected_version),
            whole=self._patches,
        )
        return _resource(changed)

    async def delete(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        expected_version: str | None = None,
    ) -> None:
        await self._provisioning.remove_user(
            self._caller, _id(resource_id), _unless(expected_version)
        )


def _id(text: str | None) -> UUID:
    try:
        return UUID(text)
    except (ValueError, TypeError):
        raise NotFoundException(
            detail=worded("The client has made no such account.", "该应用没有开设过这个账号。")
        ) from None


def _unless(expected_version: str | None) -> Any:
    def check(user: ProvisionedUser) -> None:
        meta = _resource(user).meta
        if expected_version is not None and meta and meta.version != expected_version:
            raise PreconditionFailedException

    return check


def _draft(resource: Resource[Any]) -> UserDraft:
    if not isinstance(resource, User) or resource.user_name is None:
        raise InvalidValueException(detail=worded("userName is required.", "请填写 userName。"))
    name = resource.name or Name()
    emails = [each.value for each in resource.emails or () if each.value]
    if len(emails) > 1:
        raise InvalidValueException(
            detail=worded("An account has one e-mail address.", "一个账号只有一个电子邮箱。")
        )
    return UserDraft(
        user_name=resource.user_name,
        external_id=resource.external_id,
        name=name.formatted,
        family_name=name.family_name,
        given_name=name.given_name,
        display_name=resource.display_name,
        email=emails[0] if emails else None,
        user_type=resource.user_type,
        active=resource.active,
    )


def _resource(user: ProvisionedUser) -> User:
    person, draft = user.person, user.draft
    named = draft.name or draft.family_name or draft.given_name
    resource = User(
        id=str(person.id),
        external_id=draft.external_id,
        user_name=draft.user_name,
        name=Name(formatted=draft.name, family_name=draft.family_name, given_name=draft.given_name)
        if named
        else None,
        display_name=draft.display_name,
        user_type=draft.user_type,
        active=draft.active,
        emails=[Email(value=draft.email)] if draft.email else None,
        groups=[Group(value=str(each.id), display=each.name) for each in user.groups] or None,
    )
    told = orjson.dumps(resource.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
    resource.meta = Meta(
        resource_type="User",
        created=person.created_at,
        last_modified=person.updated_at,
        version=f'W/"{hashlib.sha256(told).hexdigest()[:20]}"',
    )
    return resource


_KINDS = {"username": IdentifierKind.USERNAME, "emails": IdentifierKind.EMAIL}


def _query(node: FilterNode) -> UserQuery:
    """`eq` over what is indexed, joined by `and`. Raises `InvalidFilterException` for the rest:
    names are encrypted, and nothing but a whole value finds them."""
    found: dict[str, Any] = {}
    for each in _comparisons(node):
        name = each.attr_path.attr.lower()
        sub = (each.attr_path.sub_attr or "value").lower()
        if each.op is not CompareOperator.eq or sub != "value" or each.value is None:
            raise _unsupported()
        match name:
            case "id":
                condition: dict[str, Any] = {"id": _sought(each.value)}
            case "externalid":
                condition = {"external_id": each.value if is_external_id(each.value) else ""}
            case "active" if isinstance(each.value, bool):
                condition = {"active": each.value}
            case "username" | "emails":
                condition = {"key": _key(_KINDS[name], each.value)}
            case _:
                raise _unsupported()
        if found.keys() & condition.keys():
            raise _unsupported()
        found |= condition
    return UserQuery(**found)


def _comparisons(node: FilterNode) -> list[Comparison]:
    match node:
        case Comparison():
            return [node]
        case LogicalExpr(op=LogicalOperator.and_):
            return [each for term in node.terms for each in _comparisons(term)]
        case _:
            raise _unsupported()


def _sought(text: str) -> UUID:
    """An id that nobody has, where the text is none."""
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


def _key(kind: IdentifierKind, text: str) -> IdentifierKey:
    """A text that is no identifier of its kind is nobody's."""
    try:
        return identify(kind, text)
    except InvalidIdentifier:
        return IdentifierKey(kind, "")


def _unsupported() -> InvalidFilterException:
    return InvalidFilterException(
        detail=worded(
            "Filter by eq on id, externalId, userName, emails or active, joined by and.",
            "请用 eq 按 id、externalId、userName、emails 或 active 筛选，以 and 连接。",
        )
    )
