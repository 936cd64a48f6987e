"""What people and organisations are called: a line that can be shown.

Every way in takes names by this rule, so that whatever is kept can be shown, exported, and imported
again.
"""

from typing import Any

from shared.errors import DomainError

LONGEST = 100


class InvalidName(DomainError, ValueError):
    """The text is no line that can be shown; ``detail`` says what is wrong, never the text."""

    def __init__(self, detail: str = "", /, *, zh: str = "", **members: Any) -> None:
        super().__init__(detail, zh=zh, **members)
        self.args = (detail, zh)  # as a validator tells a defect


def one_line(text: str) -> str:
    """The text with single spaces. Raises `InvalidName` where it is empty, longer than `LONGEST`,
    or holds control characters."""
    line = " ".join(text.split())
    if not line or not line.isprintable():
        raise InvalidName("Write visible characters on one line.", zh="请填写一行可见文字。")
    if len(line) > LONGEST:
        raise InvalidName(f"Write at most {LONGEST} characters.", zh=f"最多 {LONGEST} 个字。")
    return line
