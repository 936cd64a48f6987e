"""Rounds, ratios, processor time of process trees, and how they are told."""

import json
import statistics
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

ROUNDS = 5

Round = Callable[[], Awaitable[float]]
"""Runs for a while; returns operations per second."""


@dataclass(frozen=True)
class Figure:
    """One job: rates in operations per second, processor time in microseconds an operation."""

    job: str
    rate: float
    limit: str
    limit_rate: float
    ratio: float
    goal: float | None = None
    facts: dict[str, float | str] = field(default_factory=dict)

    @property
    def met(self) -> bool | None:
        return None if self.goal is None else self.ratio >= self.goal


async def in_turns(subject: Round, limit: Round) -> tuple[float, float, float]:
    """Medians of the subject's and the limit's rates, and of the ratio pair by pair."""
    rates, limits = [], []
    for number in range(ROUNDS + 1):
        limit_rate, rate = await limit(), await subject()
        if number:  # the first pair warms both up
            limits.append(limit_rate)
            rates.append(rate)
    ratios = [rate / limit_rate for rate, limit_rate in zip(rates, limits, strict=True)]
    return statistics.median(rates), statistics.median(limits), statistics.median(ratios)


def processor_seconds(pids: list[int]) -> float:
    """User and system time that these processes and their children have used so far."""
    total = 0.0
    for pid in pids:
        try:
            root = psutil.Process(pid)
            family = [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
        for process in family:
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
    return total


def print_table(figures: list[Figure]) -> None:
    """One line a figure, in the terminal."""
    widths = (44, 12, 12, 8, 8, 4)
    heads = ("job 项目", "per second", "limit", "ratio", "goal", "")
    print("".join(head.ljust(width) for head, width in zip(heads, widths, strict=True)))
    for each in figures:
        goal = "-" if each.goal is None else f"{each.goal:.2f}"
        verdict = {True: "met", False: "NOT", None: ""}[each.met]
        cells = (each.job, f"{each.rate:,.0f}", f"{each.limit_rate:,.0f}", f"{each.ratio:.2f}")
        row = (*cells, goal, verdict)
        print("".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))
        print(f"    limit: {each.limit}")
        for name, value in each.facts.items():
            print(f"    {name}: {value if isinstance(value, str) else f'{value:,.2f}'}")


def write_json(figures: list[Figure], path: Path) -> None:
    """The same as data, for whoever compares runs."""
    path.parent.mkdir(exist_ok=True)
    rows = [{**asdict(figure), "met": figure.met} for figure in figures]
    path.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
