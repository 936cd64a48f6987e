"""What a killed supervisor may leave behind, told from strangers by pid and start time."""

import signal
from collections.abc import Callable

from stack.data import DataDirectory
from stack.processes import Process, boot_id


def end_leftovers(data: DataDirectory, say: Callable[[str], None]) -> int:
    """Ends recorded children that still live; returns how many there were.

    Call it while holding the lock: then no living supervisor owns them. The kernel has already
    sent each its stop signal; we wait as long as the supervisor would have, then kill.
    """
    state = data.state()
    if state.get("boot") != boot_id():
        return 0
    left = 0
    for component in state.get("components", []):
        if component["pid"] is None:
            continue
        process = Process(component["pid"], component["started"])
        if not process.is_alive():
            continue
        left += 1
        say(f"ending {component['name']}, left by a supervisor that was killed")
        process.signal_group(signal.Signals(component["stop_signal"]))
        if not process.wait(component["grace"]):
            process.signal_group(signal.SIGKILL)
            process.wait(component["grace"])
    return left
