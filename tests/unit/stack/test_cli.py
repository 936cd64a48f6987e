import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from stack import CHECKOUT, checks, cli, commands, running
from stack.checks import Report, Step
from stack.errors import NotRunning, StackError
from stack.processes import boot_id


def shuyuan(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stack", *arguments],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("arguments", [[], ["help"]])
def test_help_names_every_command(
    arguments: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 0
    said = capsys.readouterr().out
    commands = (
        "up",
        "down",
        "status",
        "backup",
        "restore",
        "drill",
        "demo",
        "test",
        "lint",
        "bench",
        "openapi",
        "migrate",
        "token",
        "secrets",
        "prepare",
    )
    assert all(f"./shuyuan {command} " in said for command in commands)


def test_help_documents_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["help"])
    said = capsys.readouterr().out
    assert all(f"{code} " in said for code in (0, 1, 2, 3, 4, 130))


def test_a_commands_help_shows_how_it_is_written() -> None:
    assert shuyuan("up", "--help").stdout.startswith("usage: ./shuyuan up [")


@pytest.mark.parametrize(
    "arguments", [["dwon"], ["up", "--port", "many"], ["up", "--por", "1"], ["token", "a", "b"]]
)
def test_a_command_line_that_does_not_fit_exits_with_2(arguments: list[str]) -> None:
    run = shuyuan(*arguments)
    assert run.returncode == 2
    assert "Traceback" not in run.stderr


def test_status_without_a_stack_says_how_to_start_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["status", "--data", str(tmp_path)]) == 4
    assert "is not running" in (said := capsys.readouterr().err)
    assert "./shuyuan up" in said


@pytest.mark.parametrize("command", [["migrate"], ["token", "teacher"]])
def test_what_needs_a_stack_says_so(
    tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*command, "--data", str(tmp_path)]) == 4
    assert "is not running" in capsys.readouterr().err


def test_down_without_a_stack_is_done_already(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["down", "--data", str(tmp_path / "never")]) == 0
    assert "is not running" in capsys.readouterr().err
    assert not (tmp_path / "never").exists()


WHOLE = {
    **dict.fromkeys(("gateway", "issuer", "object_store", "postgres", "nats", "data"), ""),
    "boot": boot_id(),
    "pid": os.getpid(),
    "started": 0,
    "components": [],
}


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", '{"boot": "another"}', "[]"),
        *(json.dumps(WHOLE | {"pid": pid}) for pid in ("1", -1, 2**80)),
        *(json.dumps(WHOLE | {"components": each}) for each in ("all", [1], [{"name": "nats"}])),
    ],
)
def test_a_broken_or_foreign_state_file_means_not_running(tmp_path: Path, content: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "state.json").write_text(content)
    assert cli.main(["status", "--data", str(tmp_path)]) == 4
    assert cli.main(["down", "--data", str(tmp_path)]) == 0


def test_a_data_directory_that_cannot_be_is_refused_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    run = shuyuan("up", "--data", str(tmp_path / "file"))
    assert run.returncode == 3
    assert run.stderr.startswith("shuyuan: ")
    assert "Traceback" not in run.stderr
    assert run.stdout == ""


@pytest.mark.parametrize("command", [["status"], ["down"], ["migrate"], ["token", "teacher"]])
@pytest.mark.parametrize("name", ["file", "x" * 300])
def test_what_asks_a_stack_refuses_a_place_where_none_can_be(
    tmp_path: Path, command: list[str], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert cli.main([*command, "--data", str(tmp_path / name)]) == 3
    assert "with --data" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["status", "down"])
def test_a_directory_of_somebody_else_is_refused(
    tmp_path: Path,
    command: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(_: Path) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    monkeypatch.setattr(running, "boot_id", lambda: "this")
    assert cli.main([command, "--data", str(tmp_path)]) == 3
    assert "Be its owner" in capsys.readouterr().err


def test_a_token_of_a_gateway_that_does_not_answer_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    state = {"issuer": f"http://127.0.0.1:{port}/identity"}
    monkeypatch.setattr(commands, "state_of_running", lambda _: state)
    (tmp_path / "demo-accounts.json").write_text('{"accounts": [{"username": "teacher"}]}')
    with pytest.raises(NotRunning, match=r"does not answer .*refused.*/shuyuan status"):
        commands.token(tmp_path, "teacher")


def test_a_start_whose_supervisor_is_killed_says_so() -> None:
    program = "import os; from stack.background import fork; fork() and os.kill(os.getpid(), 9)"
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert "StackError: The supervisor was killed by SIGKILL" in run.stderr


def test_a_tool_that_cannot_be_run_is_named_with_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "lint-imports"
    tool.write_text("#!/gone/python\n")
    tool.chmod(0o755)
    monkeypatch.setattr(checks, "BINARIES", tmp_path)
    step = next(each for each in checks.static_steps(fix=False) if each.name == "import contracts")
    with pytest.raises(StackError, match=r"lint-imports cannot be run .*Delete \.venv"):
        step.check()


def test_a_missing_package_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "stack.up", None)
    assert cli.main(["up"]) == 3
    assert "Delete .venv" in capsys.readouterr().err


def test_every_step_runs_although_one_failed(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    report.run(Step("first", lambda: False, "This cures it."))
    report.run(Step("second", lambda: True))
    assert report.sum_up() == 1
    told, _, said = capsys.readouterr().out.partition("summary")
    assert told.count("This cures it.") == 1
    assert [line.split()[0] for line in said.splitlines()[1:]] == ["FAILED", "passed"]


@pytest.mark.parametrize(
    ("registries", "fine"),
    [
        (["https://one.example/simple"] * 2, True),
        (["https://one.example/simple", "https://two.example/simple"], False),
        (["http://one.example/simple"], False),
        ([], False),
    ],
)
def test_the_lock_may_name_one_registry_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registries: list[str], fine: bool
) -> None:
    lines = (f"source = {{ registry = {json.dumps(url)} }}\n" for url in registries)
    (tmp_path / "uv.lock").write_text("".join(lines))
    monkeypatch.setattr(checks, "CHECKOUT", tmp_path)
    assert checks.one_registry() is fine


def test_a_file_too_long_for_one_head_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checks, "CHECKOUT", tmp_path)
    versions = tmp_path / "migrations" / "catalog" / "versions"
    versions.mkdir(parents=True)
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "short.py").write_text("\n" * checks.LONGEST_FILE)
    (versions / "frozen.py").write_text("\n" * 2 * checks.LONGEST_FILE)
    assert checks.files_are_short()
    (tmp_path / "shared" / "long.py").write_text("\n" * (checks.LONGEST_FILE + 1))
    assert not checks.files_are_short()
    assert "shared/long.py" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["serve"]])
def test_a_service_is_not_started_twice_by_its_command(
    tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["run", "--data", str(tmp_path), "catalog", *arguments]) == 2
    assert "./shuyuan run catalog -h" in capsys.readouterr().err


def test_a_services_command_needs_a_running_stack(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["run", "--data", str(tmp_path), "identity", "verify-audit"]) == 4
    assert "not running" in capsys.readouterr().err
