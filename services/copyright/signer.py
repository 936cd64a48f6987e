"""``python -m services.copyright.signer``: the process that holds the logs' private keys.

It signs a checkpoint only with a proof that it continues the one signed last, which it keeps in a
file of its own. The token that callers need stands in the file that --token-file names.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from services.copyright.standalone.alone import DirectoryTaken, alone_in
from services.copyright.standalone.http import serve
from services.copyright.standalone.keys import KeyExposed
from services.copyright.standalone.memory import MemoryDamaged
from services.copyright.standalone.signing import SigningProgram
from services.copyright.verify.merkle import CannotCheck

_UNUSABLE = (DirectoryTaken, KeyExposed, MemoryDamaged, OSError, ValueError)


def main(argv: Sequence[str]) -> int:
    """Sign until told to stop; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m services.copyright.signer")
    parser.add_argument("--directory", type=Path, required=True, help="of keys and memory")
    parser.add_argument("--origin", required=True, help="the log's name; its sibling's has /sm3")
    parser.add_argument("--token-file", type=Path, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args(argv)
    with ExitStack() as held:
        try:
            held.enter_context(alone_in(given.directory))
            token = given.token_file.read_text().strip()
            program = SigningProgram.opened(given.directory, given.origin, token)
        except (*_UNUSABLE, CannotCheck) as reason:
            sys.stderr.write(f"Nothing can be signed 无法签名: {reason}\n")
            return 1
        if not token:
            sys.stderr.write(f"{given.token_file} is empty: put a token there.\n")
            return 1
        serve(program.respond, given.host, given.port)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
