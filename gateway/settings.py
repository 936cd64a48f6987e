from pydantic import Field
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
