"""Changes and failures while requests are under way."""

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.service.gateway.door import POLICY, Door, open_door

PUBLIC = "/catalog/v1/textbooks"
GUARDED = "/identity/v1/organisations"
WRITE = "/catalog/v1/uploads"
RELOADS = 10


@contextmanager
def traffic(door: Door, send: Callable[[httpx2.Client], httpx2.Response]) -> Iterator[list[int]]:
    """Statuses of requests sent one after another, each over a connection that may be kept."""
    statuses: list[int] = []
    stopping = threading.Event()

    def run() -> None:
        with door.client(verify=False) as client:
            while not stopping.is_set():
                try:
                    statuses.append(send(client).status_code)
                except httpx2.TransportError:
                    statuses.append(0)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        stopping.set()
        for thread in threads:
            thread.join()


def taken_over(door: Door, figure: str, count: int) -> None:
    deadline = time.monotonic() + 10
    while door.figure(figure) < count:
        assert time.monotonic() < deadline, f"{figure} stays at {door.figure(figure)}"
        time.sleep(0.02)


def test_changes_of_all_its_parts_cost_no_request(tmp_path: Path) -> None:
    with open_door(tmp_path) as door:
        headers = door.bearer("identity.read")
        figure = "listener_manager.lds.update_success"
        first = door.figure(figure)
        with traffic(door, lambda client: client.get(GUARDED, headers=headers)) as statuses:
            for number in range(RELOADS):
                limits = POLICY.service.model_copy(update={"most_requests": 300 + number})
                timing = POLICY.defaults.model_copy(update={"timeout_seconds": 20 + number})
                changed = POLICY.model_copy(update={"service": limits, "defaults": timing})
                door.compile(changed, rate_factor=10.0 + number)
                taken_over(door, figure, first + number + 1)
        assert len(statuses) > 100
        assert set(statuses) == {200}
        assert door.figure("listener_manager.lds.update_rejected") == 0


def test_a_file_that_envoy_refuses_changes_nothing(tmp_path: Path) -> None:
    with open_door(tmp_path) as door, door.client() as client:
        file = tmp_path / "routes.json"
        draft = tmp_path / "draft"
        draft.write_text(file.read_text().replace('"timeout"', '"timeuot"'))
        draft.replace(file)
        taken_over(door, "http.public.rds.public.update_rejected", 1)
        assert client.get(PUBLIC).status_code == 200


def test_a_service_that_dies_and_returns_costs_no_later_request(tmp_path: Path) -> None:
    with open_door(tmp_path) as door:
        with traffic(door, lambda client: client.get(PUBLIC)) as statuses:
            time.sleep(0.3)
            door.upstream.stop()
            time.sleep(5.0)  # as long as one takes on a busy machine
            door.upstream.start()
            time.sleep(1.0)
        assert len(statuses) > 50
        assert set(statuses) == {200}


def test_an_answer_that_was_lost_is_asked_for_again_only_if_it_was_safe_to(
    tmp_path: Path,
) -> None:
    with open_door(tmp_path) as door:
        door.upstream.drops = 1
        with door.client(headers=door.bearer("catalog.write")) as client:
            assert client.get(PUBLIC).status_code == 200
            assert door.upstream.seen == [f"GET {PUBLIC}"] * 2
            door.upstream.drops = 1
            assert client.post(WRITE).status_code == 503
            assert door.upstream.seen.count(f"POST {WRITE}") == 1


def test_requests_beyond_what_a_service_can_hold_are_refused_at_once(tmp_path: Path) -> None:
    with open_door(tmp_path) as door:
        door.upstream.delay = 4.0
        request = f"GET {PUBLIC} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n".encode()
        waiting = [socket.create_connection(("127.0.0.1", door.port)) for _ in range(600)]
        for connection in waiting:
            connection.sendall(request)
        time.sleep(0.5)
        began = time.monotonic()
        with door.client() as client:
            answer = client.get(PUBLIC)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert time.monotonic() - began < 2.0
        for connection in waiting:
            connection.close()


def certificate(directory: Path, name: str) -> None:
    """A new self-signed one as cert.pem and key.pem, each replaced by renaming."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    files = [
        "-nodes",
        "-keyout",
        "key.new",
        "-out",
        "cert.new",
        "-days",
        "1",
        "-subj",
        f"/CN={name}",
    ]
    subprocess.run([*command, *files], cwd=directory, check=True, capture_output=True)
    (directory / "key.new").replace(directory / "key.pem")
    (directory / "cert.new").replace(directory / "cert.pem")


@pytest.fixture(scope="module")
def secure_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    directory = tmp_path_factory.mktemp("secure")
    folder = directory / "certificate"
    folder.mkdir()
    certificate(folder, "first")
    files = str(folder / "cert.pem"), str(folder / "key.pem")
    with open_door(directory, tls_certificate=files[0], tls_private_key=files[1]) as door:
        yield door


def spoken(door: Door, version: ssl.TLSVersion) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])
    connection = socket.create_connection(("127.0.0.1", door.port), timeout=5)
    return context.wrap_socket(connection, server_hostname="gateway.test")


def test_tls_is_spoken_from_1_2_on_with_http_2(secure_door: Door) -> None:
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with spoken(secure_door, version) as connection:
            assert connection.selected_alpn_protocol() == "h2"
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        spoken(secure_door, ssl.TLSVersion.TLSv1_1)
    with secure_door.client(verify=False) as client:
        answer = client.get(PUBLIC)
    assert answer.status_code == 200
    assert "max-age" in answer.headers["strict-transport-security"]


def test_a_renewed_certificate_is_shown_without_a_failed_request(secure_door: Door) -> None:
    def shown() -> bytes:
        with spoken(secure_door, ssl.TLSVersion.TLSv1_3) as connection:
            return connection.getpeercert(binary_form=True) or b""

    before = shown()
    with traffic(secure_door, lambda client: client.get(PUBLIC)) as statuses:
        certificate(secure_door.directory / "certificate", "second")
        deadline = time.monotonic() + 10
        while shown() == before:
            assert time.monotonic() < deadline, "the old certificate is still shown"
            time.sleep(0.05)
    assert set(statuses) == {200}


def test_http_2_carries_a_request(secure_door: Door) -> None:
    command = ["curl", "-sk", "--http2", "-o", "/dev/null", "-w", "%{http_version} %{http_code}"]
    run = subprocess.run(
        [*command, f"{secure_door.origin}{PUBLIC}"], capture_output=True, text=True, check=True
    )
    assert run.stdout == "2 200"
