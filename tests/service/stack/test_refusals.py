"""What a server that somebody else runs refuses, people are told with the cure."""

from pathlib import Path

import pytest

from stack import nats, postgres, seaweed
from stack.errors import CannotStart
from stack.secret_files import SecretFiles
from tests.conftest import Stack


async def test_a_wrong_password_is_told_with_the_place_of_the_right_one(stack: Stack) -> None:
    url = f"{stack.postgres}/postgres".replace("//", "//postgres@", 1)
    with pytest.raises(
        CannotStart, match=r"refused its superuser.*SHUYUAN_STACK_POSTGRES_PASSWORD"
    ):
        await postgres.provision(url, "guess", {}, "SHUYUAN_STACK_POSTGRES_PASSWORD")


async def test_roles_of_another_installation_are_left_alone(stack: Stack, tmp_path: Path) -> None:
    url = f"{stack.postgres}/postgres".replace("//", "//postgres@", 1)
    superuser = (stack.data / "secrets" / "postgres" / "superuser_password").read_text().strip()
    component = postgres.external(url, superuser, SecretFiles(tmp_path))
    assert component.after
    with pytest.raises(CannotStart, match=r"another installation works there"):
        await component.after()


async def test_users_that_nats_does_not_know_are_told(stack: Stack, tmp_path: Path) -> None:
    component = nats.external(stack.nats, SecretFiles(tmp_path))
    assert component.after
    with pytest.raises(CannotStart, match=r"refused the user identity .*nats_password"):
        await component.after()


async def test_users_that_nats_knows_are_taken(stack: Stack) -> None:
    component = nats.external(stack.nats, SecretFiles(stack.data / "secrets"))
    assert component.after
    await component.after()


def test_a_wrong_key_is_told_with_the_cure(stack: Stack) -> None:
    with pytest.raises(CannotStart, match=r"refused to be prepared.*See the key\.$"):
        seaweed.make_buckets(stack.object_store, "someone", "guess", [], "See the key.")


def test_keys_of_a_service_that_the_store_does_not_know_are_told(
    stack: Stack, tmp_path: Path
) -> None:
    with pytest.raises(CannotStart, match="refuses the keys of catalog"):
        seaweed.check_keys(stack.object_store, "catalog", SecretFiles(tmp_path))
    seaweed.check_keys(stack.object_store, "catalog", SecretFiles(stack.data / "secrets"))


def test_a_key_without_which_data_cannot_be_read_is_not_made_anew(tmp_path: Path) -> None:
    secrets = SecretFiles(tmp_path, in_use=True)
    with pytest.raises(CannotStart, match="is missing, and what was encrypted"):
        secrets.of("identity", "master_keys")
    assert secrets.of("identity", "nats_password")


def test_an_empty_secret_is_told(tmp_path: Path) -> None:
    secrets = SecretFiles(tmp_path)
    (secrets.directory("identity") / "shuyuan_identity_nats_password").write_text("")
    with pytest.raises(CannotStart, match="is empty"):
        secrets.of("identity", "nats_password")
