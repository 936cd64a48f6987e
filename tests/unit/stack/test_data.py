import errno
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from stack import CHECKOUT
from stack.data import DataDirectory, explained, read_json, write_file
from stack.errors import CannotStart, UsageError
from stack.secret_files import SECRETS_OF_A_SERVICE, SecretFiles


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    directory = DataDirectory(tmp_path / "data")
    directory.prepare()
    return directory


def test_only_its_owner_may_list_what_is_inside(data: DataDirectory) -> None:
    assert data.path.stat().st_mode & 0o777 == 0o711
    for inner in (data.config, data.logs, data.secrets, data.state_file.parent):
        assert inner.stat().st_mode & 0o777 == 0o700


def test_a_directory_that_was_there_keeps_its_permissions(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    DataDirectory(tmp_path).prepare()
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_a_second_holder_is_told_where_the_first_one_listens(data: DataDirectory) -> None:
    with data.locked():
        data.write_state({"gateway": "http://127.0.0.1:8080"})
        assert data.is_locked()
        with pytest.raises(CannotStart, match=r"already running.*http://127.0.0.1:8080"):
            data.locked().__enter__()
    assert not data.is_locked()


def test_a_killed_holder_leaves_no_lock(data: DataDirectory) -> None:
    program = (
        "import sys, time; from pathlib import Path; from stack.data import DataDirectory\n"
        "with DataDirectory(Path(sys.argv[1])).locked(): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(data.path)], cwd=CHECKOUT, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert data.is_locked()
        holder.send_signal(signal.SIGKILL)
    assert not data.is_locked()


def test_a_nearly_full_disk_is_refused_with_advice(
    data: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100 * 2**20))
    with pytest.raises(CannotStart, match=r"Only 100 MB.*--data"):
        data.prepare()


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(CannotStart, match="is not a directory"):
            DataDirectory(path).prepare()


def test_a_path_that_the_object_store_would_divide_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has a comma.*--data"):
        DataDirectory(tmp_path / "a,b").prepare()
    assert not (tmp_path / "a,b").exists()


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "is full"),
        (errno.EACCES, "is not writable"),
        (errno.EPERM, "is not writable"),
        (errno.EROFS, "is not writable"),
        (errno.EIO, "cannot be used"),
    ],
)
def test_refusals_of_the_system_become_sentences(number: int, sentence: str) -> None:
    with pytest.raises(CannotStart, match=sentence), explained(Path("somewhere")):
        raise OSError(number, "as the system says it")


def test_a_write_that_fails_half_way_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file.json"
    write_file(file, json.dumps({"whole": True}))

    def killed(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        write_file(file, "{")
    assert read_json(file) == {"whole": True}


def test_a_missing_or_broken_file_reads_as_nothing(tmp_path: Path) -> None:
    (tmp_path / "broken").write_text('{"half')
    assert read_json(tmp_path / "broken") == {}
    assert read_json(tmp_path / "missing") == {}


def test_secrets_are_made_once_and_only_their_owner_reads_them(data: DataDirectory) -> None:
    secrets = SecretFiles(data.secrets)
    made = {name: secrets.of("catalog", name) for name in SECRETS_OF_A_SERVICE}
    assert made == {name: secrets.of("catalog", name) for name in SECRETS_OF_A_SERVICE}
    assert len(set(made.values())) == len(made)
    assert len(made["master_keys"]) == 64
    folder = data.secrets / "catalog"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in folder.iterdir()} == {f"shuyuan_catalog_{n}" for n in made}
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.iterdir())


def test_a_secret_that_an_operator_put_there_is_used(data: DataDirectory) -> None:
    secrets = SecretFiles(data.secrets)
    (secrets.directory("catalog") / "shuyuan_catalog_nats_password").write_text("given\n")
    assert secrets.of("catalog", "nats_password") == "given"
