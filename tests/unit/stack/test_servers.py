"""What is written for the servers, checked by the servers themselves where they can."""

import base64
import hashlib
import hmac
import json
import subprocess
from pathlib import Path

import pytest

from shared.services import SERVICES
from stack import nats, plan, postgres, seaweed
from stack.component import Component, program
from stack.data import DataDirectory
from stack.errors import CannotStart
from stack.ports import OFFSETS
from stack.secret_files import SecretFiles
from stack.settings import StackSettings

PORTS = {"gateway": 8080, **{name: 8080 + offset for name, offset in OFFSETS.items()}}


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    directory = DataDirectory(tmp_path)
    directory.prepare()
    return directory


def planned(data: DataDirectory, **settings: str) -> dict[str, Component]:
    chosen = StackSettings.model_validate(settings)
    return {c.name: c for c in plan.components(data, PORTS, chosen)}


@pytest.mark.parametrize("name", ["nats", "数据", 'a "quoted" name'])
def test_nats_accepts_its_configuration(data: DataDirectory, name: str) -> None:
    file = data.config / "nats.conf"
    passwords = dict.fromkeys(SERVICES, "secret")
    file.write_text(nats.rendered(nats.configuration(PORTS, data.path / name, passwords)))
    server = planned(data)["nats"].argv[0]
    run = subprocess.run([server, "-t", "-c", file], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_an_event_that_nats_acknowledged_survives_a_loss_of_power(tmp_path: Path) -> None:
    told = nats.configuration(PORTS, tmp_path, {})["jetstream"]
    assert isinstance(told, dict)
    assert told["sync_interval"] == "always"


def test_the_object_store_calls_nobody_and_has_no_page_for_administrators(
    data: DataDirectory,
) -> None:
    argv = planned(data)["object-store"].argv
    assert {"-master.telemetry=false", "-admin.ui=false"} <= set(argv)


def test_a_server_that_is_not_installed_is_named_with_the_cure() -> None:
    with pytest.raises(CannotStart, match=r"bin/nats-serverr is missing. Delete \.venv"):
        program("nats-serverr")


def test_the_object_store_knows_each_service_on_its_own_bucket(data: DataDirectory) -> None:
    secrets = SecretFiles(data.secrets)
    known = json.loads(json.dumps(seaweed.identities(secrets)))["identities"]
    actions = {each["name"]: each["actions"] for each in known}
    assert actions == {
        "launcher": ["Admin"],
        **{s: [f"Read:{s}", f"Write:{s}", f"List:{s}", f"Tagging:{s}"] for s in SERVICES},
    }
    keys = {each["credentials"][0]["secretKey"] for each in known}
    assert len(keys) == len(known)


def test_a_stored_password_accepts_the_proof_that_rfc_7677_prints() -> None:
    """RFC 7677, section 3: user `user`, password `pencil`."""
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    verifier = postgres.scram_verifier("pencil", salt)
    stored, server = (base64.b64decode(part) for part in verifier.split("$")[2].split(":"))
    nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    message = (
        f"n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r={nonce}"
    ).encode()
    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    signature = hmac.digest(stored, message, "sha256")
    client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
    assert hashlib.sha256(client_key).digest() == stored
    answer = base64.b64encode(hmac.digest(server, message, "sha256")).decode()
    assert answer == "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    assert verifier.startswith("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$")


def test_no_secret_stands_on_a_command_line(data: DataDirectory) -> None:
    components = planned(data)
    secrets = [path.read_text() for path in data.secrets.rglob("*") if path.is_file()]
    assert secrets
    arguments = " ".join(argument for c in components.values() for argument in c.argv)
    assert not [secret for secret in secrets if secret in arguments]


def test_a_service_finds_its_own_secrets_and_no_one_elses(data: DataDirectory) -> None:
    for service, component in planned(data).items():
        if service in SERVICES:
            folder = Path(component.env["SHUYUAN_SECRETS_DIR"])
            assert all(path.name.startswith(f"shuyuan_{service}_") for path in folder.iterdir())
            assert not list(folder.glob("*owner*"))


def test_services_do_not_learn_what_only_the_launcher_may_know(
    data: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHUYUAN_STACK_POSTGRES_PASSWORD", "superuser's")
    for component in planned(data).values():
        assert "superuser's" not in component.env.values()


def test_the_gateway_opens_after_all_that_it_leads_to(data: DataDirectory) -> None:
    components = planned(data)
    assert components["envoy"].depends_on == {*SERVICES, "envoy-configuration"}
    for service in SERVICES:
        assert components[service].depends_on >= {"postgres", "nats", "object-store", "migrations"}


def test_a_service_is_killed_when_it_hangs_but_not_when_postgresql_is_away(
    data: DataDirectory,
) -> None:
    components = planned(data)
    for name in SERVICES:
        component = components[name]
        assert component.patience
        assert (component.alive or component.health).endswith("/healthz")


@pytest.mark.parametrize(
    ("setting", "url", "replaced"),
    [
        ("postgres_url", "postgresql://postgres@db.example:5432/postgres", "postgres"),
        ("nats_url", "nats://bus.example:4222", "nats"),
        ("object_store_endpoint", "https://s3.example", "object-store"),
    ],
)
def test_an_external_address_replaces_a_server(
    data: DataDirectory, setting: str, url: str, replaced: str
) -> None:
    components = planned(data, **{setting: url})
    assert components[replaced].argv == ()
    assert {name for name, c in components.items() if not c.argv} == {replaced}
    told = " ".join(components["catalog"].env.values())
    assert url.rpartition("@")[2].partition("/")[0] in told


def test_an_external_gateway_is_the_origin_and_envoy_does_not_start(data: DataDirectory) -> None:
    components = planned(data, gateway_origin="https://edu.example")
    assert "envoy" not in components
    assert components["catalog"].env["SHUYUAN_CATALOG_PUBLIC_ORIGIN"] == "https://edu.example"
    assert components["catalog"].env["SHUYUAN_CATALOG_ISSUER"] == "https://edu.example/identity"


def test_services_and_migrations_connect_as_different_roles(data: DataDirectory) -> None:
    components = planned(data)
    port = PORTS["postgres"]
    service = components["catalog"].env["SHUYUAN_CATALOG_DATABASE_URL"]
    owner = components["migrations"].env["SHUYUAN_CATALOG_OWNER_DATABASE_URL"]
    assert service == f"postgresql://catalog@127.0.0.1:{port}/catalog"
    assert owner == f"postgresql://catalog_owner@127.0.0.1:{port}/catalog"
