from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import ProcessSettings


class Settings(ProcessSettings):
    """Every ``SHUYUAN_GATEWAY_*`` variable."""

    model_config = SettingsConfigDict(env_prefix="SHUYUAN_GATEWAY_")

    components: dict[str, str] = Field(
        default_factory=dict,
        description="Health address by component, as a JSON object; 2xx means up.",
    )
