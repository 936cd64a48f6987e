"""The command line of `./shuyuan`."""

import argparse
import sys
from pathlib import Path

from stack import CHECKOUT
from stack.errors import StackError


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./shuyuan")
    commands = parser.add_subparsers(dest="command")
    for name in ("up", "down", "status"):
        command = commands.add_parser(name)
        command.add_argument("--data", type=Path, default=CHECKOUT / ".data")
        if name != "down":
            command.add_argument("--json", action="store_true")
        if name == "up":
            command.add_argument("--port", type=int)
            command.add_argument("--detach", action="store_true")
            command.add_argument("--demo", action="store_true")
    options = parser.parse_args(arguments)
    try:
        if options.command == "up":
            from stack.up import up

            return up(
                options.data,
                options.port,
                demo=options.demo,
                detach=options.detach,
                as_json=options.json,
            )
        from stack.running import down, status

        return (
            down(options.data)
            if options.command == "down"
            else status(options.data, as_json=options.json)
        )
    except StackError as error:
        print(f"shuyuan: {error}", file=sys.stderr)
        return error.exit_code
