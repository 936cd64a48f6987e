"""A log that must not go on is read-only until a person has looked: what writes it tells so, and
what would add to it asks."""

from shared.errors import Unavailable

_AGAIN_SECONDS = 30


class Halt:
    """Whether this process found its log halted, and why."""

    def __init__(self) -> None:
        self.reason: str | None = None

    def require_going_on(self) -> None:
        """Raises `Unavailable` while the log is halted."""
        if self.reason is not None:
            raise Unavailable(
                "The log is halted and read-only: nothing new is accepted until the operator has"
                " recovered it.",
                _AGAIN_SECONDS,
                zh="日志已停止写入，目前只读：在运维人员恢复之前不受理新的登记和事件。",
            )
