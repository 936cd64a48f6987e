"""``./shuyuan bench [NAME ...]``: every job, or those named."""

import argparse
import asyncio
import os
import sys
import time
from datetime import UTC, datetime

from tests.bench import (
    activity,
    catalog,
    gateway,
    identity,
    inspection,
    ledger,
    read,
    relay,
    search,
    upload,
)
from tests.bench.measure import Figure, print_table, write_json
from tests.bench.stack import CHECKOUT, running_stack

JOBS = {
    "read": read.bench,
    "relay": relay.bench,
    "gateway": gateway.bench,
    "identity": identity.bench,
    "upload": upload.bench,
    "inspection": inspection.bench,
    "catalog": catalog.bench,
    "search": search.bench,
    "activity": activity.bench,
    "ledger": ledger.bench,
}


async def main(names: list[str]) -> list[Figure]:
    # One address stands for many clients here: its limit is in force, and never reached.
    os.environ.setdefault("SHUYUAN_ENVOY_RATE_FACTOR", "1000")
    figures: list[Figure] = []
    async with running_stack() as stack:
        for name in names:
            print(f"measuring {name} …", file=sys.stderr, flush=True)
            started = time.perf_counter()
            figures += await JOBS[name](stack)
            print(f"  {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="./shuyuan bench", description=__doc__)
    parser.add_argument("name", nargs="*", help=f"one of {', '.join(JOBS)}; all by default")
    chosen = parser.parse_args().name or list(JOBS)
    if unknown := set(chosen) - JOBS.keys():
        parser.error(f"no such job: {', '.join(sorted(unknown))}")
    measured = asyncio.run(main(chosen))
    print_table(measured)
    path = CHECKOUT / "bench-results" / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    write_json(measured, path)
    print(f"written to {path.relative_to(CHECKOUT)}")
    sys.exit(0 if all(figure.met is not False for figure in measured) else 1)
