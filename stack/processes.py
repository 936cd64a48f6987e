"""Processes as /proc shows them. A pid alone proves nothing: it may have been given away.

A process is named by its pid and its start time in clock ticks since boot (proc_pid_stat(5),
field 22) together with the kernel's boot id, so that nothing is ever signalled that is not ours.
"""

import os
import select
import signal
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> "Process | None":
        """The process that has this pid now, or None."""
        fields = _stat(pid)
        return cls(pid, int(fields[19])) if fields else None

    def is_alive(self) -> bool:
        fields = _stat(self.pid)
        return fields is not None and int(fields[19]) == self.started and fields[0] != "Z"

    def signal_group(self, number: signal.Signals) -> None:
        """Signals the whole process group that this process leads, if it still lives."""
        if self.is_alive():
            try:
                os.killpg(self.pid, number)
            except ProcessLookupError:
                return

    def wait(self, seconds: float) -> bool:
        """Waits for the end; False when it still lives after `seconds`."""
        try:
            watch = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return True
        try:
            return not self.is_alive() or bool(select.select([watch], [], [], seconds)[0])
        finally:
            os.close(watch)

    def memory(self) -> int:
        """Resident bytes of the process and its session's others, shared pages counted once."""
        return sum(_resident(pid) for pid in _session(self.pid))


def boot_id() -> str:
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the state on; the name before them may hold anything."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _session(leader: int) -> list[int]:
    pids = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if (fields := _stat(pid)) and int(fields[3]) == leader]


def _resident(pid: int) -> int:
    """Proportional set size in bytes; plain resident size where the kernel hides the former."""
    try:
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        pages = int((PROC / str(pid) / "statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
