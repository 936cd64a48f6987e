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
    trusted_proxies: int = Field(
        1,
        ge=0,
        description="Proxies before the control plane that append to X-Forwarded-For, Envoy among "
        "them: an application's network is judged by the last entry but so many.",
    )
    quota_factor: float = Field(1.0, gt=0, description="Multiplies the policy's quotas.")
