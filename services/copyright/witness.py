"""``python -m services.copyright.witness``: a witness of transparency logs (C2SP tlog-witness).

Another organisation can run it: it needs a directory for its key and memory, the verifier keys of
the logs it watches (one a line, as ``GET /copyright/v1/trust`` tells them), and this package. Tell
the log's operator the verifier key in DIRECTORY/witness.vkey. A witness that the operator of the
log runs adds no independence.
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
from services.copyright.standalone.witnessing import WitnessProgram
from services.copyright.verify.notes import NoteMalformed

_UNUSABLE = (DirectoryTaken, KeyExposed, MemoryDamaged, OSError, ValueError)


def main(argv: Sequence[str]) -> int:
    """Witness until told to stop; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m services.copyright.witness")
    parser.add_argument("--directory", type=Path, required=True, help="of key and memory")
    parser.add_argument("--name", required=True, help="of the witness, such as lib.example.edu.cn")
    parser.add_argument("--logs", type=Path, required=True, help="file of verifier keys")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args(argv)
    with ExitStack() as held:
        try:
            held.enter_context(alone_in(given.directory))
            program = WitnessProgram.opened(given.directory, given.name, given.logs)
        except (*_UNUSABLE, NoteMalformed) as reason:
            sys.stderr.write(f"Nothing can be witnessed 无法见证: {reason}\n")
            return 1
        sys.stdout.write(f"{program.cosigner.key}\n")
        sys.stdout.flush()
        serve(program.respond, given.host, given.port)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
