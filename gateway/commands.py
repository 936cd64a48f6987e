"""Commands of the gateway beside those of every service."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from gateway.compiler.compile import compiled, write
from gateway.compiler.operations import ContractUnclear
from gateway.compiler.policy import Policy
from gateway.compiler.settings import Deployment
from shared.settings import UnknownVariable


def compile_configuration(argv: Sequence[str]) -> int:
    """write Envoy's configuration to a directory"""
    parser = argparse.ArgumentParser(prog="python -m gateway compile")
    parser.add_argument("directory", type=Path)
    directory: Path = parser.parse_args(argv).directory
    try:
        files = compiled(Deployment.load(), Policy.read(), directory)
    except (ContractUnclear, UnknownVariable, ValidationError) as error:
        print(f"Nothing was written. {error}", file=sys.stderr)
        return 1
    write(files, directory)
    return 0


COMMANDS: Mapping[str, Callable[[Sequence[str]], int]] = {"compile": compile_configuration}
