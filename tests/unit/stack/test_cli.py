import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from stack import CHECKOUT, checks, cli
from stack.checks import Report, Step


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
        "demo",
        "test",
        "lint",
        "bench",
        "openapi",
        "migrate",
        "token",
    )
    assert all(f"./shuyuan {command} " in said for command in commands)


def test_help_documents_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["help"])
    said = capsys.readouterr().out
    assert all(f"{code} " in said for code in (0, 1, 2, 3, 4, 130))


def test_a_commands_help_shows_how_it_is_written() -> None:
    assert shuyuan("up", "--help").stdout.startswith("usage: ./shuyuan up [")


@pytest.mark.parametrize("arguments", [["dwon"], ["up", "--port", "many"], ["token"]])
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


@pytest.mark.parametrize("content", ["", "{", '{"boot": "another"}', "[]"])
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
