from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """Every ``SHUYUAN_LEARNING_*`` variable."""

    model_config = SettingsConfigDict(env_prefix="SHUYUAN_LEARNING_")

    max_body_bytes: int = Field(
        8 << 20, ge=1024, description="A longer request body is 413; attachments come in it."
    )
    statement_queue: int = Field(
        20_000, ge=1, description="Statements that may wait to be written; more are sent away."
    )
    statement_days: int | None = Field(
        None,
        ge=40,
        description="Days of statements that are searched; older ones are set aside. Unset: all.",
    )
