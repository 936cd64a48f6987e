"""``python -m gateway`` serves the control plane; ``python -m gateway compile DIRECTORY`` writes
Envoy's configuration there."""

import argparse
import sys
from pathlib import Path

from pydantic import ValidationError

from gateway.app import create_app
from gateway.compiler.compile import compiled, write
from gateway.compiler.operations import ContractUnclear
from gateway.compiler.policy import Policy
from gateway.compiler.settings import Deployment
from gateway.settings import Settings
from shared import logs
from shared.serving import serve
from shared.settings import UnknownVariable


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gateway", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    compile_ = commands.add_parser("compile", help="write Envoy's configuration")
    compile_.add_argument("directory", type=Path)
    asked = parser.parse_args()
    if asked.command == "compile":
        try:
            files = compiled(Deployment.load(), Policy.read(), asked.directory)
        except (ContractUnclear, UnknownVariable, ValidationError) as error:
            sys.exit(f"Nothing was written. {error}")
        write(files, asked.directory)
        return
    settings = Settings.load()
    logs.configure("gateway", settings.log_level)
    serve(create_app(settings), settings.host, settings.port)


if __name__ == "__main__":
    main()
