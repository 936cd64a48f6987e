from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """Every ``SHUYUAN_LEARNING_*`` variable."""

    model_config = SettingsConfigDict(env_prefix="SHUYUAN_LEARNING_")
