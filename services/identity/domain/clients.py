"""Registered applications: who answers for them, where they are sent, what they may ask for.

An application is requested by its owner organisation and approved by a security administrator,
who is never the one that asked. Once it is approved, the owner proposes what people are told of it
and where they are sent, and the security administrator decides; what it may ask for (its terms)
only the latter changes.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Self
from uuid import UUID

from services.identity.domain.client_addresses import (
    ApplicationType,
    Told,
    address_defect,
    same_loopback,
)
from shared.context import worded
from shared.errors import DomainError


class ClientState(StrEnum):
    REQUESTED = "REQUESTED"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    SUSPENDED = "SUSPENDED"
    RETIRED = "RETIRED"


class ClientAction(StrEnum):
    DESCRIBE = "describe"
    SET_TERMS = "set_terms"
    ACCEPT = "accept"
    DECLINE = "decline"
    APPROVE = "approve"
    REJECT = "reject"
    SUSPEND = "suspend"
    RESUME = "resume"
    RETIRE = "retire"


OWNERS_ACTIONS = frozenset({ClientAction.DESCRIBE, ClientAction.RETIRE})
"""What the owner does; the rest is the security administrator's."""

ON_PROPOSALS = frozenset({ClientAction.ACCEPT, ClientAction.DECLINE})
"""Decisions about what the owner proposed, where there is such a proposal."""

TRANSITIONS: Mapping[tuple[ClientState, ClientAction], ClientState] = {
    (ClientState.REQUESTED, ClientAction.DESCRIBE): ClientState.REQUESTED,
    (ClientState.REQUESTED, ClientAction.SET_TERMS): ClientState.REQUESTED,
    (ClientState.REQUESTED, ClientAction.APPROVE): ClientState.APPROVED,
    (ClientState.REQUESTED, ClientAction.REJECT): ClientState.REJECTED,
    (ClientState.REQUESTED, ClientAction.RETIRE): ClientState.RETIRED,
    (ClientState.APPROVED, ClientAction.DESCRIBE): ClientState.APPROVED,
    (ClientState.APPROVED, ClientAction.SET_TERMS): ClientState.APPROVED,
    (ClientState.APPROVED, ClientAction.ACCEPT): ClientState.APPROVED,
    (ClientState.APPROVED, ClientAction.DECLINE): ClientState.APPROVED,
    (ClientState.APPROVED, ClientAction.SUSPEND): ClientState.SUSPENDED,
    (ClientState.APPROVED, ClientAction.RETIRE): ClientState.RETIRED,
    (ClientState.SUSPENDED, ClientAction.DESCRIBE): ClientState.SUSPENDED,
    (ClientState.SUSPENDED, ClientAction.SET_TERMS): ClientState.SUSPENDED,
    (ClientState.SUSPENDED, ClientAction.ACCEPT): ClientState.SUSPENDED,
    (ClientState.SUSPENDED, ClientAction.DECLINE): ClientState.SUSPENDED,
    (ClientState.SUSPENDED, ClientAction.RESUME): ClientState.APPROVED,
    (ClientState.SUSPENDED, ClientAction.RETIRE): ClientState.RETIRED,
}
"""What may be done in which state, and the state it leads to."""


class GrantType(StrEnum):
    AUTHORIZATION_CODE = "authorization_code"
    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - a name of RFC 6749
    CLIENT_CREDENTIALS = "client_credentials"
    DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


class AuthMethod(StrEnum):
    """How the application proves itself at the token endpoint (OpenID Connect Core §9)."""

    NONE = "none"
    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    PRIVATE_KEY_JWT = "private_key_jwt"


class QuotaClass(StrEnum):
    """How much the gateway allows; the figures are the gateway's."""

    TRIAL = "trial"
    STANDARD = "standard"
    HIGH = "high"


SCOPES: Mapping[str, tuple[str, str]] = {
    "openid": ("确认您的身份", "Know that it is you"),
    "profile": ("读取您的姓名等基本资料", "Read your name and profile"),
    "email": ("读取您的电子邮箱", "Read your e-mail address"),
    "phone": ("读取您的手机号码", "Read your phone number"),
    "address": ("读取您的地址", "Read your address"),
    "offline_access": ("在您离开后继续访问", "Keep its access while you are away"),
    "identity.read": ("查看机构与人员", "See organisations and people"),
    "identity.manage": ("管理机构与人员", "Manage organisations and people"),
    "identity.audit": ("查阅审计记录", "Read the audit trail"),
    "identity.import": ("批量导入人员", "Import people"),
    "scim": ("按 SCIM 协议开设和维护账号", "Provision accounts over SCIM"),
    "catalog.read": ("浏览教育资源", "Browse resources"),
    "catalog.write": ("上传和修改您的资源", "Upload and change your resources"),
    "catalog.review": ("以您的身份审核资源", "Review resources as you"),
    "learning.read": ("查看您的学习空间与进度", "See your learning spaces and progress"),
    "learning.write": ("在学习空间中代您操作", "Act for you in learning spaces"),
    "copyright.read": ("查看版权登记", "See copyright registrations"),
    "copyright.write": ("代您办理版权登记", "Register copyright for you"),
    "integrate": ("与平台交换数据", "Exchange data with the platform"),
    "gateway.introspect": ("查验令牌与接口密钥", "Check tokens and API keys"),
}
"""Every scope, with what a person is told it means (Chinese, English)."""

PERSONAL_SCOPES = frozenset({"openid", "profile", "email", "phone", "address", "offline_access"})
"""They speak of a person: a client that acts for itself never gets them."""

LIVE_SECRETS = 2


class ClientNotFound(DomainError):
    pass


class ClientActionUnavailable(DomainError):
    """The application's state does not allow the action, or there is nothing to decide."""


class OwnClient(DomainError):
    """Who asked for an application decides nothing about it."""


class UnfitClient(DomainError):
    """The registration contradicts itself; member ``errors`` lists every defect."""


class TooManySecrets(DomainError):
    """Two secrets live already: revoke one first."""


class SecretReplaced(DomainError):
    """The secret that was to be replaced is not the one in use, or not any more."""


class NoSecretNeeded(DomainError):
    """The application proves itself otherwise, or not at all."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What an application may ask for. ``pkce_required`` is waived only for a confidential
    client; a `trusted` one is the platform's own: its users are not asked for consent."""

    scopes: frozenset[str]
    grant_types: frozenset[GrantType]
    pkce_required: bool = True
    trusted: bool = False
    quota_class: QuotaClass = QuotaClass.TRIAL


@dataclass(frozen=True, slots=True)
class Description:
    """What the owner says of an application. ``jwks`` holds the public keys of a client that signs
    its assertions (RFC 7523). ``networks`` (CIDR) are where it may use API keys from: anywhere,
    when there are none."""

    name: str
    purpose: str
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...]
    jwks: Mapping[str, Any] | None
    networks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """A description that waits for a decision, and the person who proposed it."""

    description: Description
    by: str


@dataclass(frozen=True, slots=True)
class Client:
    """``path`` is the owner organisation's place in the tree. For ``jwks`` and ``networks`` see
    `Description`."""

    id: UUID
    organisation_id: UUID
    path: str
    name: str
    purpose: str
    application_type: ApplicationType
    auth_method: AuthMethod
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...]
    jwks: Mapping[str, Any] | None
    terms: Terms
    state: ClientState
    requested_by: str
    version: int
    created_at: datetime
    updated_at: datetime
    networks: tuple[str, ...] = ()
    proposal: Proposal | None = None

    @property
    def public(self) -> bool:
        return self.auth_method is AuthMethod.NONE

    @property
    def third_party(self) -> bool:
        """Whether it is anything but the platform's own; components stand in no organisation."""
        return bool(self.path) and not self.terms.trusted

    @property
    def live(self) -> bool:
        return self.state is ClientState.APPROVED

    @property
    def actions(self) -> tuple[ClientAction, ...]:
        """What may be done in this state."""
        return tuple(
            action
            for state, action in TRANSITIONS
            if state is self.state and (self.proposal or action not in ON_PROPOSALS)
        )

    def introduced(self, scopes: Iterable[str]) -> str:
        """What a person is told who is asked to let it have `scopes`, as a digest: they let it have
        them for nothing else."""
        told = json.dumps([self.name, self.purpose, sorted(scopes)])
        return hashlib.sha256(told.encode()).hexdigest()

    def may(self, grant: GrantType) -> bool:
        return grant in self.terms.grant_types

    def needs_pkce(self) -> bool:
        return self.public or self.terms.pkce_required

    def redirects_to(self, address: str) -> bool:
        """Whether `address` is registered: to the letter, save for the port of a native
        application's loopback address (RFC 8252 §7.3)."""
        return self._registered(self.redirect_uris, address)

    def returns_to(self, address: str) -> bool:
        """Whether `address` is registered for after logout, by the same comparison."""
        return self._registered(self.post_logout_redirect_uris, address)

    def _registered(self, addresses: Iterable[str], address: str) -> bool:
        native = self.application_type is ApplicationType.NATIVE
        return any(
            address == known or (native and same_loopback(known, address)) for known in addresses
        )

    def _unavailable(self, action: ClientAction) -> ClientActionUnavailable:
        if action in ON_PROPOSALS and (self.state, action) in TRANSITIONS:
            return ClientActionUnavailable(
                "Its owner has proposed nothing that waits for a decision.",
                zh="申请方没有待审批的变更。",
            )
        # The owner is told what owners do, the security administrator what is theirs.
        owners = action in OWNERS_ACTIONS
        allowed = [each for each in self.actions if (each in OWNERS_ACTIONS) is owners]
        return ClientActionUnavailable(
            f"The application is {self.state}: it allows {', '.join(allowed) or 'nothing more'}.",
            zh=f"应用当前状态为 {self.state}，可用操作：{'、'.join(allowed) or '无'}。",
        )

    def after(self, action: ClientAction, actor: str) -> Self:
        """In the state that `action` leads to. Raises `ClientActionUnavailable`, `OwnClient`."""
        if action not in self.actions:
            raise self._unavailable(action)
        interested = {self.requested_by, self.proposal and self.proposal.by}
        if action not in OWNERS_ACTIONS and actor in interested:
            raise OwnClient(
                "Another security administrator has to decide this.",
                zh="须由另一名安全管理员决定。",
            )
        return replace(self, state=TRANSITIONS[self.state, action])

    def described(self, description: Description, by: str) -> Self:
        """As `by`, for the owner, wants it described. Of what was approved, all holds at once that
        tells people nothing new and sends them nowhere else; the whole is a proposal, which takes
        the place of an earlier one."""
        decided = self.state in (ClientState.APPROVED, ClientState.SUSPENDED)
        if not (decided and self._is_news(description)):
            return self._with(description)
        known = replace(
            description,
            name=self.name,
            purpose=self.purpose,
            redirect_uris=_left(self.redirect_uris, description.redirect_uris),
            post_logout_redirect_uris=_left(
                self.post_logout_redirect_uris, description.post_logout_redirect_uris
            ),
        )
        return replace(self._with(known), proposal=Proposal(description, by))

    def settled(self, *, accepted: bool) -> Self:
        """Without its proposal, which has become its description where it was accepted."""
        if accepted and self.proposal is not None:
            return self._with(self.proposal.description)
        return replace(self, proposal=None)

    def _is_news(self, told: Description) -> bool:
        return (
            (told.name, told.purpose) != (self.name, self.purpose)
            or not {*told.redirect_uris} <= {*self.redirect_uris}
            or not {*told.post_logout_redirect_uris} <= {*self.post_logout_redirect_uris}
        )

    def _with(self, told: Description) -> Self:
        return replace(
            self,
            proposal=None,
            name=told.name,
            purpose=told.purpose,
            redirect_uris=told.redirect_uris,
            post_logout_redirect_uris=told.post_logout_redirect_uris,
            jwks=told.jwks,
            networks=told.networks,
        )

    def check(self) -> None:
        """Raises `UnfitClient` with every contradiction in the registration."""
        defects = [
            {"pointer": f"#/{field}", "detail": worded(*detail)}
            for field, detail in self._defects()
        ]
        if defects:
            raise UnfitClient(
                "The registration contradicts itself: see errors.",
                zh="登记内容自相矛盾，见 errors。",
                errors=defects,
            )

    def _defects(self) -> Iterable[tuple[str, Told]]:
        """Fields, with what is wrong in English and Chinese."""
        terms = self.terms
        if GrantType.AUTHORIZATION_CODE in terms.grant_types and not self.redirect_uris:
            yield (
                "redirect_uris",
                ("The code flow needs a redirect address.", "授权码流程需要回调地址。"),
            )
        if self.public and GrantType.CLIENT_CREDENTIALS in terms.grant_types:
            yield (
                "grant_types",
                (
                    "A public client has no credentials to act for itself with.",
                    "公开应用没有凭据，不能以自身名义访问。",
                ),
            )
        if self.public and not terms.pkce_required:
            yield (
                "pkce_required",
                ("PKCE is waived for confidential clients only.", "只有机密应用可以不使用 PKCE。"),
            )
        if (self.auth_method is AuthMethod.PRIVATE_KEY_JWT) != (self.jwks is not None):
            yield (
                "jwks",
                (
                    "Give public keys with private_key_jwt, and only with it.",
                    "使用 private_key_jwt 时须提供公钥，其他方式不提供。",
                ),
            )
        if unknown := sorted(terms.scopes - SCOPES.keys()):
            yield (
                "scopes",
                (
                    f"There is no scope {', '.join(unknown)}.",
                    f"没有权限范围 {'、'.join(unknown)}。",
                ),
            )
        if "offline_access" in terms.scopes and not self.may(GrantType.REFRESH_TOKEN):
            yield (
                "grant_types",
                (
                    "offline_access needs the grant type refresh_token.",
                    "offline_access 需要授权类型 refresh_token。",
                ),
            )
        for field, addresses in (
            ("redirect_uris", self.redirect_uris),
            ("post_logout_redirect_uris", self.post_logout_redirect_uris),
        ):
            for index, address in enumerate(addresses):
                if defect := address_defect(address, self.application_type):
                    yield f"{field}/{index}", defect


def _left(known: tuple[str, ...], wanted: Iterable[str]) -> tuple[str, ...]:
    """Those that are kept; all of them where none is, so that people are still led back."""
    return tuple(each for each in known if each in {*wanted}) or known


class ClientSecret(NamedTuple):
    """One live secret: `hash` is the SHA-256 of 256 random bits, which needs no stretching."""

    id: UUID
    hash: bytes
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of `client_id`; of `scopes` it carries what the client may still ask for."""

    id: str
    client_id: UUID
    name: str
    hash: bytes
    scopes: frozenset[str]
    created_by: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None

    def live(self, now: datetime) -> bool:
        return self.revoked_at is None and now < self.expires_at
