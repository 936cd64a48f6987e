from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """Every ``SHUYUAN_GATEWAY_*`` variable."""

    model_config = SettingsConfigDict(env_prefix="SHUYUAN_GATEWAY_")

    components: dict[str, str] = Field(
        default_factory=dict,
        description="Address by component, as a JSON object; up means that an `http` one answers "
        "2xx and that any other accepts a connection.",
    )
    identity_url: str = Field(
        "http://127.0.0.1:8101", description="Where identity itself listens; API keys are its own."
    )
    identity_secret: SecretStr = Field(
        SecretStr(""), description="What SHUYUAN_IDENTITY_GATEWAY_SECRET is there."
    )
    access_log: str = Field(
        "", description="Envoy's access log, from which usage is counted; empty counts none here."
    )
    envoy_admin: str = Field(
        "http://127.0.0.1:9901",
        pattern="^(http://|unix:/)",
        description="Where that Envoy takes orders, to open its log anew: http or unix:/SOCKET.",
    )
    quota_factor: float = Field(1.0, gt=0, description="Multiplies the policy's quotas.")
    webhook_networks: str = Field(
        "",
        description="Comma-separated CIDR that webhooks may reach beside the public Internet.",
    )
    webhook_ports: str = Field(
        "443",
        pattern=r"^[0-9]{1,5}(,[0-9]{1,5})*$",
        description="Comma-separated ports that webhooks may reach.",
    )
    webhook_plain_http: bool = Field(
        False, description="Whether webhooks may be told over http: for development."
    )
    webhook_lanes: int = Field(16, ge=1, le=256, description="Webhooks that are sent to at once.")
    webhook_retention_days: int = Field(
        30, ge=7, description="What webhooks were told, and can have replayed, is kept so long."
    )
