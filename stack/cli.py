"""The command line of `./shuyuan`."""

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from shared.services import SERVICES
from stack import CHECKOUT
from stack.errors import StackError

HELP = """\
书院 Shuyuan: a digital education resource platform on this machine.

  ./shuyuan up        start everything, and stay (启动)
  ./shuyuan down      stop everything (停止)
  ./shuyuan status    show every component (状态)
  ./shuyuan backup    copy the running stack to a directory (备份)
  ./shuyuan restore   make a new data directory from that copy (恢复)
  ./shuyuan drill     lose a stack under load, restore it, count what is missing (恢复演练)
  ./shuyuan demo      start a throw-away stack and run the main job on it (演示)
  ./shuyuan test      everything that continuous integration runs (测试)
  ./shuyuan lint      its static part (静态检查)
  ./shuyuan bench     measure each job against its limit (性能)
  ./shuyuan openapi   write the contracts anew from the code (接口契约)
  ./shuyuan migrate   bring the running stack's databases to the newest revision (迁移)
  ./shuyuan token     print an access token: of a demonstration account, or of whoever signs
                      in with a browser (令牌)
  ./shuyuan run       a service's own command on the running stack, as in
                      ./shuyuan run identity verify-audit (服务命令)
  ./shuyuan secrets   make the secrets of a deployment in containers, in a directory (密钥)
  ./shuyuan prepare   make its roles, databases and buckets, with those secrets (预备)
  ./shuyuan help      this page; ./shuyuan COMMAND --help for its options (帮助)

Exit codes: 0 done (`down` also when nothing ran); 1 a check, a step or a component failed;
2 the command line or a SHUYUAN_STACK_* variable does not fit; 3 cannot start: port, disk, data
directory, platform or package; 4 needs a running stack, or an account, that is not there;
130 stopped by Ctrl-C before it was done (`up`: before it was ready).

SHUYUAN_STACK_* variables point it at external servers: see stack/settings.py.
"""


def main(arguments: Sequence[str]) -> int:
    """Runs a command and returns its exit code; what is wrong is said in a sentence."""
    try:
        run = _chosen(_parser().parse_args(arguments))
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return run()
    except StackError as error:
        print(f"shuyuan: {error}", file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        print(f"shuyuan: {error}. Delete .venv, then run this again.", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read has read enough. What is still buffered must not be tried again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _chosen(options: argparse.Namespace) -> Callable[[], int]:
    # Each command imports its own module: `status` need not wait for what only `up` uses.
    match options.command:
        case "up":
            from stack.up import up

            how = {"demo": options.demo, "detach": options.detach, "as_json": options.json}
            return lambda: up(options.data, options.port, options.archive, **how)
        case "down":
            from stack.running import down

            return lambda: down(options.data)
        case "status":
            from stack.running import status

            return lambda: status(options.data, as_json=options.json)
        case "backup":
            from stack.backup import backup

            return lambda: backup(options.data, options.to, as_json=options.json)
        case "restore":
            from stack.restore import restore

            return lambda: restore(options.source, options.data, as_json=options.json)
        case "drill":
            command = [sys.executable, "-m", "demo.drill", *["--json"] * options.json]
            command += ["--seconds", str(options.seconds)]
            command += [] if options.source is None else ["--from", str(options.source.absolute())]
            return lambda: subprocess.run(command, cwd=CHECKOUT, check=False).returncode
        case "demo":
            command = [sys.executable, "-m", "demo"]
            command += ["--keep"] * options.keep + ["--json"] * options.json
            command += [] if options.seed is None else ["--seed", str(options.seed)]
            return lambda: subprocess.run(command, cwd=CHECKOUT, check=False).returncode
        case "test" | "lint" | "openapi":
            from stack import checks

            if options.command == "openapi":
                return checks.write_contracts
            return (
                checks.test if options.command == "test" else lambda: checks.lint(fix=options.fix)
            )
        case "bench":
            command = [sys.executable, "-m", "tests.bench", *options.names]
            return lambda: subprocess.run(command, cwd=CHECKOUT, check=False).returncode
        case "migrate":
            from stack.commands import migrations

            return lambda: migrations(options.data, "upgrade")
        case "token":
            from stack.commands import token

            return lambda: token(options.data, options.account)
        case "run":
            from stack.commands import run

            return lambda: run(options.data, options.service, options.arguments)
        case "secrets":
            from stack.containers import secrets

            return lambda: secrets(options.directory)
        case "prepare":
            from stack.containers import prepare

            return lambda: prepare(options.directory)
        case _:
            return _help


def _help() -> int:
    print(HELP, end="")
    return 0


def _directory(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("needs the name of a directory, and got none")
    return Path(text)


class _Parser(argparse.ArgumentParser):
    """Takes options by their whole names: an abbreviation may mean another one tomorrow."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, allow_abbrev=False)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="./shuyuan", usage="./shuyuan COMMAND [OPTIONS]")
    parser.format_help = lambda: HELP  # type: ignore[method-assign]
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", prog="./shuyuan")

    running = _Parser(add_help=False)
    running.add_argument(
        "--data", type=_directory, default=CHECKOUT / ".data", metavar="DIR", help="default: .data"
    )
    json_output = _Parser(add_help=False)
    json_output.add_argument("--json", action="store_true", help="one JSON object on stdout")

    up = commands.add_parser("up", parents=[running, json_output])
    up.add_argument(
        "--port", type=int, metavar="N", help="of the gateway; 0: any free one (default 8080)"
    )
    up.add_argument("--demo", action="store_true", help="seed a demonstration province")
    up.add_argument("--detach", action="store_true", help="return when ready")
    up.add_argument(
        "--archive", type=_directory, metavar="BACKUP", help="acknowledge what is there, too"
    )
    commands.add_parser("down", parents=[running])
    commands.add_parser("status", parents=[running, json_output])
    backup = commands.add_parser("backup", parents=[running, json_output])
    backup.add_argument("--to", type=_directory, required=True, metavar="BACKUP")
    restore = commands.add_parser("restore", parents=[json_output])
    restore.add_argument("--from", dest="source", type=_directory, required=True, metavar="BACKUP")
    restore.add_argument(
        "--data", type=_directory, required=True, metavar="DIR", help="a new directory"
    )
    drill = commands.add_parser("drill", parents=[json_output])
    drill.add_argument(
        "--from", dest="source", type=_directory, metavar="BACKUP", help="try this one instead"
    )
    drill.add_argument(
        "--seconds", type=float, default=10.0, metavar="N", help="of load (default 10)"
    )
    demo = commands.add_parser("demo", parents=[json_output])
    demo.add_argument("--keep", action="store_true", help="leave the stack running")
    demo.add_argument("--seed", type=int, metavar="N", help="repeat that run's accidents")
    commands.add_parser("test")
    commands.add_parser("lint").add_argument("--fix", action="store_true", help="mend what it can")
    bench = commands.add_parser("bench")
    bench.add_argument("names", nargs=argparse.REMAINDER, metavar="NAME", help="which jobs")
    commands.add_parser("openapi")
    commands.add_parser("migrate", parents=[running])
    token = commands.add_parser("token", parents=[running])
    token.add_argument(
        "account",
        metavar="ACCOUNT",
        nargs="?",
        help="of the demonstration; without it you sign in with a browser",
    )
    run = commands.add_parser("run", parents=[running])
    run.add_argument("service", choices=SERVICES, metavar="SERVICE", help=", ".join(SERVICES))
    run.add_argument("arguments", nargs=argparse.REMAINDER, metavar="COMMAND", help="-h lists them")
    for name in ("secrets", "prepare"):
        commands.add_parser(name).add_argument("directory", type=_directory, metavar="DIR")
    commands.add_parser("help")
    return parser
