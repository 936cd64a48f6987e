from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """Every ``SHUYUAN_CATALOG_*`` variable."""

    model_config = SettingsConfigDict(env_prefix="SHUYUAN_CATALOG_")

    max_body_bytes: int = Field(
        5 << 20, ge=1024, description="A longer request body is 413; vocabularies come in one."
    )
    largest_upload_bytes: int = Field(4 << 30, ge=1, description="A larger file is refused.")
    person_quota_bytes: int = Field(20 << 30, ge=0, description="What each person may keep.")
    organisation_quota_bytes: int = Field(
        2 << 40, ge=0, description="What each organisation may keep."
    )
    upload_life_hours: int = Field(
        168, ge=1, description="An upload that is not completed by then is given up."
    )
    upload_address_minutes: int = Field(
        60, ge=1, le=10_080, description="So long a presigned address is good."
    )
    trusted_proxies: int = Field(
        1,
        ge=0,
        description="Proxies before the service that append to X-Forwarded-For: the address "
        "that unknown readers are counted by is the last but so many.",
    )
    scrub_bytes_per_second: int = Field(
        4 << 20, ge=1, description="Stored files are read again at this speed at the most."
    )
    inspector_host: str = Field("127.0.0.1", description="Where the inspector shows that it lives.")
    inspector_port: int = Field(0, ge=0, le=65535, description="0 takes a free one.")
    inspection_directory: str = Field(
        "", description="Where files lie while they are inspected; the system's own if empty."
    )
    inspection_hands: int = Field(0, ge=0, le=64, description="Files at once; 0: one a core.")
    inspection_seconds: int = Field(
        120, ge=5, le=3600, description="Processor time that a file may take to be inspected."
    )
    inspection_memory_bytes: int = Field(
        2 << 30, ge=512 << 20, description="Addresses that a file may take to be inspected."
    )
    clamd_address: str = Field(
        "", description="host:port or socket of ClamAV's daemon; none is asked if empty."
    )
    search_directory: str = Field(
        "", description="Where the search index lies; one that ends with the service if empty."
    )
    meilisearch_url: str = Field(
        "", description="Meilisearch's address; the service has an index of its own if empty."
    )
    meilisearch_key: SecretStr = Field(SecretStr(""), description="With all rights on its indexes.")
    meilisearch_index: str = Field("resources", pattern="^[A-Za-z0-9_-]{1,100}$")
    near_duplicate_containment: float = Field(
        0.6, gt=0, le=1, description="The share of a text from which on another is told as similar."
    )
    copyright_url: str = Field(
        "",
        description="Where copyright itself listens; drafts are compared with no registered work "
        "if empty.",
    )
    identity_url: str = Field("", description="Where identity itself listens: it lets us in there.")
    identity_secret: SecretStr = Field(
        SecretStr(""), description="What SHUYUAN_IDENTITY_CATALOG_SECRET is there."
    )
    near_duplicates_told: int = Field(10, ge=1, le=100, description="So many of each file.")
