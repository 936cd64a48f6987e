import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.copyright.verify.__main__ import run
from services.copyright.verify.merkle import SM3
from services.copyright.verify.monitor import Audit, reader
from services.copyright.verify.report import INCOMPLETE, INVALID, VALID
from services.copyright.verify.trust import Trust
from tests.unit.copyright.samples import LOG_KEY, ORIGIN, SIBLING_KEY, Log, event

TRUST = Trust({LOG_KEY.key: None, SIBLING_KEY.key: None}, None, b"")


@pytest.fixture(scope="module")
def log() -> Log:
    made = Log(signers=(LOG_KEY,))
    made.append(*(str(n).encode() for n in range(600)))
    return made


@pytest.fixture
def folder(log: Log, tmp_path: Path) -> Path:
    log.publish(tmp_path / "log")
    return tmp_path / "log"


def failed(folder: Path, *past: bytes, registrations: bool = False) -> tuple[str, ...]:
    report = Audit(reader(str(folder)), TRUST, past, registrations).run()
    assert report.exit_code == (INVALID if report.failed() else VALID)
    return report.failed()


def flip(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def test_a_whole_log_passes_and_its_leaf_hashes_are_told(folder: Path, log: Log) -> None:
    audit = Audit(reader(str(folder)), TRUST)
    assert audit.run().exit_code == VALID
    assert audit.leaf_hashes == b"".join(log.tree_hash.leaf(entry) for entry in log.entries)


def test_the_sibling_is_audited_with_sm3(tmp_path: Path) -> None:
    sibling = Log(SM3, f"{ORIGIN}/sm3", (SIBLING_KEY,))
    sibling.append(*(str(n).encode() for n in range(300)))
    sibling.publish(tmp_path)
    assert failed(tmp_path) == ()


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("tile/0/000", ("tiles",)),
        ("tile/0/002.p/88", ("tiles",)),
        ("tile/1/000.p/2", ("tiles",)),
        ("tile/entries/000", ("tiles", "root")),
        ("tile/entries/002.p/88", ("tiles", "root")),
    ],
)
def test_a_flipped_byte_is_found_in_its_step(
    folder: Path, path: str, steps: tuple[str, ...]
) -> None:
    flip(folder / path)
    assert failed(folder) == steps


def test_a_missing_tile_or_entry_is_found(folder: Path) -> None:
    (folder / "tile/1/000.p/2").unlink()
    assert failed(folder) == ("tiles",)
    (folder / "tile/entries/001").unlink()
    assert failed(folder) == ("entries",)
    (folder / "checkpoint").unlink()
    assert failed(folder) == ("checkpoint",)


def test_a_tile_or_bundle_with_more_in_it_than_its_path_says_is_found(folder: Path) -> None:
    tile = folder / "tile/0/002.p/88"
    tile.write_bytes(tile.read_bytes() + bytes(32))
    assert failed(folder) == ("tiles",)
    bundle = folder / "tile/entries/002.p/88"
    bundle.write_bytes(bundle.read_bytes() + b"\x00\x01x")
    assert failed(folder) == ("entries",)


def test_a_partial_tile_that_gave_way_to_the_full_one_is_no_fault(
    folder: Path, tmp_path: Path
) -> None:
    grown = Log(signers=(LOG_KEY,))
    grown.append(*(str(n).encode() for n in range(768)))
    grown.publish(tmp_path / "grown")
    for path in ("tile/0/002", "tile/entries/002"):
        (folder / path).write_bytes((tmp_path / "grown" / path).read_bytes())
        (folder / f"{path}.p/88").unlink()
    assert failed(folder) == ()


def test_every_earlier_checkpoint_of_the_tree_is_consistent_with_it(folder: Path) -> None:
    past = []
    earlier = Log(signers=(LOG_KEY,))
    for n in range(600):
        if n % 97 == 0 or n == 257:
            past.append(bytes(earlier.checkpoint()))
        earlier.append(str(n).encode())
    assert failed(folder, *past) == ()


def test_a_fork_and_a_shrunken_log_are_found(folder: Path, log: Log) -> None:
    fork = Log(signers=(LOG_KEY,))
    fork.append(b"another first entry")
    assert failed(folder, bytes(fork.checkpoint())) == ("past",)
    larger = Log(signers=(LOG_KEY,))
    larger.append(*log.entries, b"one more")
    assert failed(folder, bytes(larger.checkpoint())) == ("past",)


def test_registrations_are_followed_and_a_doubled_event_is_found(tmp_path: Path) -> None:
    log = Log(signers=(LOG_KEY,))
    first = event([])
    log.append(first, event([first], "revise"))
    log.publish(tmp_path / "good")
    assert failed(tmp_path / "good", registrations=True) == ()
    log.append(event([first], "revise"))
    log.publish(tmp_path / "doubled")
    assert failed(tmp_path / "doubled", registrations=True) == ("entries",)


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *given: object) -> None:
            super().__init__(*given, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, *told: object) -> None:
            """Nothing is told."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_the_command_audits_an_address_and_remembers_what_it_saw(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = tmp_path / "seen"
    with served(folder) as address:
        given = ["log", address, "--vkey", str(LOG_KEY.key), "--seen", str(seen)]
        assert run([*given, "--json"]) == VALID
        assert json.loads(capsys.readouterr().out)["verdict"] == "valid"
        assert [path.name for path in seen.iterdir()] == ["checkpoint.600"]
        fork = Log(signers=(LOG_KEY,))
        fork.append(b"another first entry")
        (seen / "checkpoint.1").write_bytes(bytes(fork.checkpoint()))
        assert run(given) == INVALID
    assert "[past]" in capsys.readouterr().out


def test_the_command_says_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == INCOMPLETE
    assert "bundle FILE" in capsys.readouterr().err
    assert run(["log", "nowhere", "--vkey", "broken"]) == INCOMPLETE
    assert run(["build"]) == VALID
