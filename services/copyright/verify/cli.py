"""Check an evidence bundle offline: ``verify.py [BUNDLE] [--trust DIR|FILE]``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from services.copyright.verify.bundle import BundleMalformed, read_folder, unpack
from services.copyright.verify.checks import STEPS, check
from services.copyright.verify.chinese import in_chinese
from services.copyright.verify.evidence import Evidence
from services.copyright.verify.report import (
    INCOMPLETE,
    Finding,
    Report,
    Step,
    Verdict,
    print_any_text,
)
from services.copyright.verify.trust import Trust, TrustMalformed, bundled_trust, load_trust

_EXIT_CODES = "exit codes 退出码: 0 valid 有效, 1 invalid 无效, 2 incomplete 不完整"


def main(argv: Sequence[str] | None = None) -> int:
    """Check the bundle that `argv` names, tell what was found, return the exit code."""
    print_any_text()
    parser = argparse.ArgumentParser(
        description="Check copyright evidence offline. 离线核验版权存证证据包。",
        epilog=_EXIT_CODES,
    )
    here = Path(sys.argv[0]).resolve().parent
    parser.add_argument("bundle", nargs="?", type=Path, default=here, help="ZIP file or folder")
    parser.add_argument("--trust", type=Path, help="keys you trust 可信公钥: folder or file")
    parser.add_argument("--work", type=Path, help="a file to compare 待比对的作品文件")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    arguments = parser.parse_args(argv)
    try:
        trust = load_trust(arguments.trust) if arguments.trust else None
        work = arguments.work.read_bytes() if arguments.work else None
        report = check_bundle(arguments.bundle, trust, work)
    except (OSError, TrustMalformed) as reason:
        sys.stderr.write(f"Nothing was checked 未核验: {reason}\n")
        return INCOMPLETE
    sys.stdout.write(report.json() if arguments.json else report.text())
    return report.exit_code


def check_bundle(path: Path, trust: Trust | None = None, work: bytes | None = None) -> Report:
    """Every step over the bundle at `path`, a ZIP file or a folder. Raises `OSError`.

    Without `trust` the bundle is measured by its own keys, which proves nothing about who made it.
    """
    archive = None if path.is_dir() else path.read_bytes()
    try:
        members = read_folder(path) if archive is None else unpack(archive)
        trust = trust or bundled_trust(members)
    except (BundleMalformed, TrustMalformed) as fault:
        name = "enclosed-keys" if isinstance(fault, TrustMalformed) else "container"
        zh, en, _ = STEPS[name]
        found = Finding(Verdict.FAIL, in_chinese(str(fault)), str(fault))
        return Report((Step(name, zh, en, found),))
    return check(Evidence(members, trust, archive, work))
