"""The secrets of a deployment in containers: the ones that the embedded stack would make."""

import json
import subprocess
import tomllib
from pathlib import Path

import pytest

from shared.services import SERVICES
from stack import containers
from stack.component import program
from stack.errors import CannotStart, UsageError
from stack.secret_files import SECRETS_OF_A_SERVICE


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    assert containers.secrets(tmp_path / "secrets") == 0
    return tmp_path / "secrets"


def contents(directory: Path) -> dict[str, str]:
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_text() for path in files}


def test_every_secret_of_every_service_is_made(directory: Path) -> None:
    made = contents(directory)
    for service in SERVICES:
        for name in SECRETS_OF_A_SERVICE:
            assert made[f"{service}/shuyuan_{service}_{name}"]
        assert made[f"migrations/shuyuan_{service}_owner_database_password"]


def test_only_their_owner_reads_them(directory: Path) -> None:
    for path in (directory, *directory.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_second_run_changes_nothing(directory: Path) -> None:
    before = contents(directory)
    containers.secrets(directory)
    assert contents(directory) == before


def test_both_ends_know_the_same(directory: Path) -> None:
    made = contents(directory)
    for ends in (
        ("catalog/shuyuan_catalog_identity_secret", "identity/shuyuan_identity_catalog_secret"),
        ("gateway/shuyuan_gateway_identity_secret", "identity/shuyuan_identity_gateway_secret"),
        ("copyright/shuyuan_copyright_signer_token", "copyright-signer/token"),
        ("postgres/superuser_password", "prepare/shuyuan_stack_postgres_password"),
    ):
        assert made[ends[0]] == made[ends[1]]
    key = tomllib.loads(made["search/meilisearch.toml"])["master_key"]
    assert key == made["catalog/shuyuan_catalog_meilisearch_key"]


def test_the_servers_know_each_service_by_its_own_secret(directory: Path) -> None:
    made = contents(directory)
    users = json.loads(made["nats/nats.conf"])["authorization"]["users"]
    assert {each["user"]: each["password"] for each in users} == {
        service: made[f"{service}/shuyuan_{service}_nats_password"] for service in SERVICES
    }
    known = {each["name"]: each for each in json.loads(made["object-store/s3.json"])["identities"]}
    for service in SERVICES:
        [key] = known[service]["credentials"]
        assert key["secretKey"] == made[f"{service}/shuyuan_{service}_object_store_secret_key"]


def test_nats_accepts_what_is_written_for_it(directory: Path) -> None:
    server = [str(program("nats-server")), "-t", "-c", str(directory / "nats" / "nats.conf")]
    run = subprocess.run(server, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_a_lost_key_is_not_replaced_by_another(directory: Path) -> None:
    (directory / "identity" / "shuyuan_identity_master_keys").unlink()
    with pytest.raises(CannotStart, match="master_keys is missing"):
        containers.secrets(directory)


def test_what_was_interrupted_is_taken_up_again(directory: Path) -> None:
    before = contents(directory)
    (directory / "nats" / "nats.conf").unlink()
    (directory / "identity" / "shuyuan_identity_master_keys").unlink()
    containers.secrets(directory)
    after = contents(directory)
    assert {name for name in after if after[name] != before[name]} == {
        "identity/shuyuan_identity_master_keys"
    }


def test_servers_are_prepared_only_where_all_are_named(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "SHUYUAN_STACK_POSTGRES_URL", "postgresql://postgres@db.example:5432/postgres"
    )
    with pytest.raises(UsageError, match="Set SHUYUAN_STACK_NATS_URL"):
        containers.prepare(directory)
