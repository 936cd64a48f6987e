from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings, UnknownVariable


class Settings(ServiceSettings):
    """The settings of a service that is none."""

    model_config = SettingsConfigDict(env_prefix="SHUYUAN_TRIAL_")


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHUYUAN_SECRETS_DIR", raising=False)


def test_defaults_listen_on_loopback_and_hold_no_secret() -> None:
    settings = Settings.load()
    assert settings.host == "127.0.0.1"
    assert settings.log_level == "INFO"
    assert not settings.database_password.get_secret_value()
    assert not settings.master_keys.get_secret_value()
    assert "127.0.0.1" in settings.database_url


def test_the_environment_is_read_under_the_service_s_own_prefix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHUYUAN_TRIAL_PORT", "8102")
    monkeypatch.setenv("SHUYUAN_OTHER_HOST", "192.0.2.1")
    monkeypatch.setenv("PORT", "1")
    settings = Settings.load()
    assert (settings.port, settings.host) == (8102, "127.0.0.1")


def test_a_misspelt_variable_is_refused_with_the_nearest_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHUYUAN_TRIAL_DATABSE_URL", "postgresql://db.example/trial")
    with pytest.raises(UnknownVariable, match=r"_DATABSE_URL .* SHUYUAN_TRIAL_DATABASE_URL\?"):
        Settings.load()


def test_a_secret_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "shuyuan_trial_database_password").write_text("from the file\n")
    monkeypatch.setenv("SHUYUAN_SECRETS_DIR", str(tmp_path))
    assert Settings.load().database_password.get_secret_value() == "from the file"


def test_the_environment_goes_before_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "shuyuan_trial_database_password").write_text("from the file")
    monkeypatch.setenv("SHUYUAN_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("SHUYUAN_TRIAL_DATABASE_PASSWORD", "from the environment")
    assert Settings.load().database_password.get_secret_value() == "from the environment"


def test_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHUYUAN_TRIAL_DATABASE_PASSWORD", "s3cret")
    monkeypatch.setenv("SHUYUAN_TRIAL_MASTER_KEYS", "s3cret")
    settings = Settings.load()
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in settings.model_dump_json()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "70000"),
        ("PORT", "http"),
        ("LOG_LEVEL", "LOUD"),
        ("DATABASE_POOL", "0"),
        ("MAX_BODY_BYTES", "0"),
        ("OUTBOX_RETENTION_DAYS", "0"),
        ("IDEMPOTENCY_RETENTION_HOURS", "23"),
    ],
)
def test_a_value_out_of_bounds_is_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"SHUYUAN_TRIAL_{name}", value)
    with pytest.raises(ValidationError) as refusal:
        Settings.load()
    assert name.lower() in str(refusal.value)
    assert "input_value" not in str(refusal.value)


@pytest.mark.parametrize(
    "name", ["public_origin", "issuer", "object_store_origin", "object_store_endpoint"]
)
def test_an_origin_does_not_end_in_a_slash(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"SHUYUAN_TRIAL_{name.upper()}", "https://edu.example/")
    assert getattr(Settings.load(), name) == "https://edu.example"
