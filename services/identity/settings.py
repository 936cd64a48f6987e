from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """Every ``SHUYUAN_IDENTITY_*`` variable."""

    model_config = SettingsConfigDict(env_prefix="SHUYUAN_IDENTITY_")

    platform_name: str = Field("书院", description="The platform's name on its pages, in Chinese.")
    platform_name_en: str = Field("Shuyuan", description="The same in English.")
    password_profile: Literal["nist", "djbh3"] = Field(
        "nist",
        description="Rules for passwords, lock-out and sessions: `nist` follows SP 800-63B-4, "
        "`djbh3` GB/T 22239-2019 level 3.",
    )
    session_idle_minutes: int | None = Field(
        None, ge=1, description="A session unused for so long ends; unset, the profile's."
    )
    session_life_hours: int | None = Field(
        None, ge=1, description="A session ends after so long at the latest; unset, the profile's."
    )
    hashing_workers: int = Field(2, ge=1, le=64, description="Threads that hash passwords.")
    hashing_queue: int = Field(50, ge=0, description="Sign-ins that may wait for one of them.")
    argon2_memory_kib: int = Field(19_456, ge=8_192, description="argon2id memory per hash.")
    argon2_iterations: int = Field(2, ge=1, description="argon2id passes over it.")
    invitation_days: int = Field(7, ge=1, le=30, description="How long an invitation is good for.")
    trusted_proxies: int = Field(
        1,
        ge=0,
        description="Proxies before the service that append to X-Forwarded-For: the address "
        "that sign-ins are counted by is the last but so many.",
    )
    minor_age: int = Field(14, ge=0, le=18, description="Below it, consent gates a token's scopes.")
    gateway_secret: SecretStr = Field(
        SecretStr(""),
        description="With which the gateway's control plane proves itself; without it, none can "
        "look up API keys, and nobody can sign in to the developer portal.",
    )
    catalog_secret: SecretStr = Field(
        SecretStr(""),
        description="With which the catalogue proves itself; without it, drafts are compared with "
        "no registered work.",
    )
    access_token_seconds: int = Field(600, ge=60, le=600, description="Life of an access token.")
