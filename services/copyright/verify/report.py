"""What a check found: named steps, each with a verdict, in Chinese and in English."""

import io
import json
import sys
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """`UNCHECKED`: it could not be decided here. `ABSENT`: nothing of the kind to check."""

    GOOD = "pass"
    FAIL = "fail"
    UNCHECKED = "unchecked"
    ABSENT = "absent"


VALID, INVALID, INCOMPLETE = 0, 1, 2

_ZH = {
    Verdict.GOOD: "通过",
    Verdict.FAIL: "不通过",
    Verdict.UNCHECKED: "未能核验",
    Verdict.ABSENT: "未提供",
}
_MARKS = {  # those of GB/T 2312, which a Chinese Windows writes to files and pipes
    Verdict.GOOD: "√",
    Verdict.FAIL: "×",
    Verdict.UNCHECKED: "?",
    Verdict.ABSENT: "-",
}
_SUMMARY = {
    VALID: ("有效", "valid"),
    INVALID: ("无效", "invalid"),
    INCOMPLETE: ("不完整", "incomplete"),
}


def print_any_text() -> None:
    """Let standard output take text that its encoding lacks: by numbers, not by an end of the
    program, whose exit code would be a verdict."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@dataclass(frozen=True)
class Finding:
    """A verdict and its reason, in Chinese and in English."""

    verdict: Verdict
    zh: str
    en: str


@dataclass(frozen=True)
class Step:
    """A check by its stable `name`, its title in Chinese and in English, and what it found."""

    name: str
    zh: str
    en: str
    finding: Finding


@dataclass(frozen=True)
class Report:
    """All steps, in the order they were made."""

    steps: tuple[Step, ...]

    @property
    def exit_code(self) -> int:
        """`INVALID` where a step failed, else `INCOMPLETE` where one is unchecked, else `VALID`."""
        verdicts = {step.finding.verdict for step in self.steps}
        if Verdict.FAIL in verdicts:
            return INVALID
        return INCOMPLETE if Verdict.UNCHECKED in verdicts else VALID

    def failed(self) -> tuple[str, ...]:
        """The names of the steps that failed."""
        return tuple(s.name for s in self.steps if s.finding.verdict is Verdict.FAIL)

    def text(self) -> str:
        """The report for a person, both languages side by side."""
        lines = []
        for step in self.steps:
            verdict = step.finding.verdict
            lines.append(f"{_MARKS[verdict]} {step.zh} · {step.en} [{step.name}]")
            lines.append(f"    {_ZH[verdict]}：{step.finding.zh}")
            lines.append(f"    {verdict}: {step.finding.en}")
        zh, en = _SUMMARY[self.exit_code]
        return "\n".join([*lines, f"结论 · Verdict: {zh} · {en}", ""])

    def json(self) -> str:
        """The report for a program: one JSON object on one line."""
        steps = [
            {
                "step": step.name,
                "title": {"zh": step.zh, "en": step.en},
                "verdict": step.finding.verdict,
                "reason": {"zh": step.finding.zh, "en": step.finding.en},
            }
            for step in self.steps
        ]
        summary = {"verdict": _SUMMARY[self.exit_code][1], "steps": steps}
        return json.dumps(summary, ensure_ascii=False) + "\n"
