from pydantic import BaseModel, Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from services.copyright.verify.notes import VerifierKey
from shared.egress import parse_networks
from shared.settings import ServiceSettings


class WitnessAt(BaseModel):
    """A witness (C2SP tlog-witness). ``url`` is its submission prefix; the key is given as
    ``vkey``, or stands in ``vkey_file``. ``ours``: we run it, so it adds no independence."""

    name: str = Field(pattern="^[a-z0-9.-]{1,32}$", description="Within the policy.")
    url: str
    vkey: str = ""
    vkey_file: str = ""
    ours: bool = False

    @field_validator("vkey")
    @classmethod
    def _is_a_key(cls, value: str) -> str:
        return str(VerifierKey.parse(value)) if value else value


class AuthorityAt(BaseModel):
    """A time-stamp authority (RFC 3161): at ``url`` with its root certificate in the PEM file
    ``certificate``, or, with ``directory`` alone, a local one whose stamps prove nothing to
    others."""

    name: str = Field(pattern="^[a-z0-9.-]{1,32}$")
    url: str = ""
    certificate: str = ""
    chain: str = Field("", description="PEM file of what lies between, if anything does.")
    directory: str = ""


class EvidencePlatformAt(BaseModel):
    """An evidence platform (存证) at ``url``; what it asks of us stands in ``token_file``."""

    name: str = Field(pattern="^[a-z0-9.-]{1,32}$")
    url: str
    token_file: str = ""


class Settings(ServiceSettings):
    """Every ``SHUYUAN_COPYRIGHT_*`` variable."""

    model_config = SettingsConfigDict(env_prefix="SHUYUAN_COPYRIGHT_")

    log_origin: str = Field(
        "shuyuan.local/copyright/log",
        pattern="^[!-*,-~]{1,100}$",
        description="Name of the log for ever; the SM3 sibling's has /sm3 behind it.",
    )
    frozen_log_origins: list[str] = Field(
        [], description="JSON list of the logs that were frozen, the oldest first."
    )
    signer_url: str = Field("", description="Where the signer listens; nothing is signed if empty.")
    signer_token: SecretStr = Field(SecretStr(""), description="What the signer asks of us.")
    witnesses: list[WitnessAt] = Field([], description="JSON list.")
    witness_quorum: int = Field(0, ge=0, description="So many must cosign; 0 asks for none.")
    timestamp_authorities: list[AuthorityAt] = Field([], description="JSON list.")
    evidence_platforms: list[EvidencePlatformAt] = Field([], description="JSON list.")
    egress_networks: str = Field(
        "",
        description="Networks that may be reached beside the public Internet, as comma-separated "
        "CIDR: where time-stamp authorities and evidence platforms of our own stand.",
    )
    egress_ports: frozenset[int] = Field(
        frozenset({80, 443}), description="JSON list of the ports that may be reached."
    )
    timestamp_seconds: int = Field(10, ge=1, description="At the most one checkpoint is so often.")
    checkpoint_seconds: float = Field(0.5, gt=0, description="Pause between two batches.")
    refresh_minutes: int = Field(
        60, ge=1, le=60, description="An idle log is signed and witnessed again so often."
    )
    notice_days: int = Field(15, ge=1, description="For an answer to a takedown notice.")
    decision_days: int = Field(15, ge=1, description="For the decision of a dispute after that.")

    @field_validator("egress_networks")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        parse_networks(value)
        return value
