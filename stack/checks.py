"""`./shuyuan test`, `lint` and `openapi`: everything that continuous integration runs."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared import services
from stack import CHECKOUT, commands
from stack.errors import StackError

LONGEST_FILE = 450
PACKAGES = ("shared", "stack", "services", "gateway", "migrations")
BINARIES = Path(sys.prefix) / "bin"

ALONE = ("--dist", "loadfile", "--no-loadscope-reorder")
"""Each file stands alone: no other file's tests may see what one does."""

Check = Callable[[], bool]


@dataclass(frozen=True)
class Step:
    name: str
    check: Check
    """Prints what it finds; True when all is well."""
    cure: str = ""
    """Printed after a failure that does not say itself what to do."""


@dataclass
class Report:
    """Runs steps under a heading each, goes on after a failure, and sums up."""

    results: list[tuple[str, bool, float]] = field(default_factory=list)

    def run(self, step: Step) -> None:
        print(f"\n== {step.name}", flush=True)
        began = time.monotonic()
        try:
            passed = step.check()
        except StackError as error:
            print(error)
            passed = False
        if not passed and step.cure:
            print(step.cure)
        seconds = time.monotonic() - began
        self.results.append((step.name, passed, seconds))
        print(f"-- {_word(passed)} in {seconds:.1f} s", flush=True)

    def sum_up(self) -> int:
        """Prints every result; returns the exit code."""
        print("\n== summary 小结")
        for name, passed, seconds in self.results:
            print(f"{_word(passed):<8}{seconds:7.1f} s  {name}")
        return 0 if all(passed for _, passed, _ in self.results) else 1


def test() -> int:
    """Static steps, then those that run the code; some of these share a throw-away stack."""
    report = Report()
    for step in static_steps(fix=False):
        report.run(step)
    report.run(Step("unit tests", _pytest({}, "unit", at_once=2)))
    with tempfile.TemporaryDirectory(prefix="shuyuan-test-") as directory:
        try:
            for step in _steps_on_a_stack(Path(directory)):
                report.run(step)
        finally:
            report.run(Step("stop the stack", _shuyuan("down", "--data", directory)))
    return report.sum_up()


def lint(*, fix: bool) -> int:
    """The static steps; with `fix`, style is mended first."""
    report = Report()
    for step in static_steps(fix=fix):
        report.run(step)
    return report.sum_up()


def write_contracts() -> int:
    """Each service's; returns the exit code."""
    written = [
        _command(sys.executable, "-m", each, "openapi") for each in services.PACKAGES.values()
    ]
    return 0 if all(written) else 1


def static_steps(*, fix: bool) -> list[Step]:
    def tool(name: str, *arguments: str) -> Check:
        return lambda: _command(str(BINARIES / name), *arguments)

    return [
        Step("uv.lock fits pyproject.toml", lock_fits, "Run .venv/bin/uv lock, and commit it."),
        Step(
            "uv.lock names one registry",
            one_registry,
            "Configure uv with the public index alone, then run .venv/bin/uv lock.",
        ),
        Step(
            "ruff check",
            tool("ruff", "check", *(["--fix"] if fix else [])),
            "./shuyuan lint --fix mends what it can.",
        ),
        Step(
            "ruff format",
            tool("ruff", "format", *([] if fix else ["--check"])),
            "./shuyuan lint --fix mends it.",
        ),
        Step("mypy", tool("mypy")),
        Step(
            "import contracts",
            tool("lint-imports"),
            "Turn the dependency round, or let an event carry the fact: docs/ARCHITECTURE.md.",
        ),
        Step(
            f"no file over {LONGEST_FILE} lines",
            files_are_short,
            "Divide the file into two that each have a name of their own.",
        ),
    ]


def lock_fits() -> bool:
    """Asks what is cached first: the registry is needed only for what is not."""
    check = (str(BINARIES / "uv"), "lock", "--check")
    return _command(*check, "--offline", quiet=True) or _command(*check)


def one_registry() -> bool:
    """A second registry, or one without TLS, could slip in another's package of the same name."""
    lock = (CHECKOUT / "uv.lock").read_text()
    registries = sorted(set(re.findall(r'registry = "([^"]*)"', lock)))
    print("\n".join(registries))
    return len(registries) == 1 and registries[0].startswith("https://")


def files_are_short() -> bool:
    """Prints the longest files. Tests may be long; a revision is frozen."""
    lengths = sorted(
        (
            (len(path.read_text().splitlines()), str(path.relative_to(CHECKOUT)))
            for package in PACKAGES
            for path in (CHECKOUT / package).rglob("*.py")
            if path.parent.name != "versions"
        ),
        reverse=True,
    )
    for length, name in lengths[:5]:
        print(f"{length:5}  {name}")
    return lengths[0][0] <= LONGEST_FILE


def _steps_on_a_stack(data: Path) -> list[Step]:
    data.chmod(0o711)
    shared = {"SHUYUAN_TEST_STACK": str(data)}
    up = ("up", "--data", str(data), "--port", "0", "--detach")
    return [
        Step("start a stack for the tests", _shuyuan(*up)),
        Step("migrations fit the models", lambda: commands.migrations(data, "check") == 0),
        # Three at once on two cores: those with faults mostly wait for what was killed.
        Step(
            "service, contract, conformance, end-to-end and fault tests",
            _pytest(shared, *("service", "contract", "conformance", "e2e", "faults"), at_once=3),
        ),
    ]


def _shuyuan(*arguments: str) -> Check:
    return lambda: _command(sys.executable, "-m", "stack", *arguments)


def _pytest(variables: Mapping[str, str], *folders: str, at_once: int) -> Check:
    """Runs the folders of tests/ that hold tests."""
    chosen = [f"tests/{name}" for name in folders if any(CHECKOUT.glob(f"tests/{name}/**/test_*"))]
    if not chosen:
        return lambda: not print("no tests here yet")
    command = (sys.executable, "-m", "pytest", "-n", str(at_once), *ALONE, *chosen)
    # Two that collect the same tests must find the same order in a set.
    told = {**variables, "PYTHONHASHSEED": "0"}
    return lambda: _command(*command, variables=told)


def _command(*argv: str, variables: Mapping[str, str] | None = None, quiet: bool = False) -> bool:
    """True when it exits with 0. StackError when it cannot be run, as after .venv was moved."""
    env = {**os.environ, **(variables or {})}
    try:
        run = subprocess.run(argv, cwd=CHECKOUT, env=env, capture_output=quiet, check=False)
    except OSError as error:
        reason = error.strerror
        raise StackError(
            f"{argv[0]} cannot be run ({reason}). Delete .venv, then try again."
        ) from error
    return run.returncode == 0


def _word(passed: bool) -> str:
    return "passed" if passed else "FAILED"
