"""The developer portal: who is signed in there, and which applications may be asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from shared.errors import DomainError


class SignInNeeded(DomainError):
    """Nobody is signed in, or what let them in has ended."""


class SignInFailed(DomainError):
    """The way through the sign-in did not end as it should: it has to begin anew."""


class RequestRefused(DomainError):
    """Identity refused what a form asked for. ``title`` is in the language of the request, as its
    other members are: ``errors`` as in problem details."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What identity gave for a code or a refresh token; ``ends_at`` is the access token's."""

    access: str
    refresh: str
    identity: str
    ends_at: datetime


class Kind(Enum):
    """What an application is, as identity has it: type, authentication, grants."""

    SERVER = ("web", "client_secret_basic", ("client_credentials",))
    WEB = ("web", "client_secret_basic", ("authorization_code", "refresh_token"))
    NATIVE = ("native", "none", ("authorization_code", "refresh_token"))

    def __init__(
        self, application_type: str, auth_method: str, grant_types: tuple[str, ...]
    ) -> None:
        self.application_type = application_type
        self.auth_method = auth_method
        self.grant_types = grant_types


class Words(NamedTuple):
    zh: str
    en: str


OF_PEOPLE: Mapping[str, Words] = {
    "openid": Words("确认用户身份", "Know who the user is"),
    "profile": Words("读取用户姓名等基本资料", "Read the user's name and profile"),
    "offline_access": Words("用户离开后继续访问", "Keep access while the user is away"),
}
"""Scopes that speak of a person: an application that acts for itself never has them."""

SCOPES: Mapping[str, Words] = {
    "integrate": Words("推送订阅、用量与配额", "Webhooks, usage and quota"),
    "catalog.read": Words("读取教育资源", "Read resources"),
    "catalog.write": Words("上传和修改教育资源", "Upload and change resources"),
    "learning.read": Words("读取学习空间与进度", "Read learning spaces and progress"),
    "learning.write": Words("写入学习数据", "Write learning data"),
    "copyright.read": Words("读取版权登记", "Read copyright registrations"),
    "identity.read": Words("读取机构与人员", "Read organisations and people"),
    "scim": Words("按 SCIM 协议维护账号", "Provision accounts over SCIM"),
    **OF_PEOPLE,
}
"""What the form offers; whatever else identity knows is asked for over its interface."""


@dataclass(frozen=True, slots=True)
class Organisation:
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Application:
    """A registered application, as its owner sees it."""

    id: str
    name: str
    purpose: str
    state: str
    quota_class: str
    auth_method: str
    scopes: tuple[str, ...]
    redirect_uris: tuple[str, ...]
    networks: tuple[str, ...]

    @property
    def own_scopes(self) -> tuple[str, ...]:
        """Those that its API keys can carry."""
        return tuple(each for each in self.scopes if each not in OF_PEOPLE)

    @property
    def has_secrets(self) -> bool:
        return self.auth_method.startswith("client_secret")


@dataclass(frozen=True, slots=True)
class Listed:
    id: str
    name: str
    state: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None

    def live(self, now: datetime) -> bool:
        return self.revoked_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True)
class ClientSecret:
    id: str
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a form asks for. ``once`` is the form's own: sent twice, it asks for one application."""

    organisation_id: str
    name: str
    purpose: str
    kind: Kind
    scopes: tuple[str, ...]
    redirect_uris: tuple[str, ...]
    networks: tuple[str, ...]
    once: str
