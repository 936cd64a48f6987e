"""What a killed supervisor may leave behind, told from strangers by pid and start time."""

import signal
from collections.abc import Callable

from stack.data import DataDirectory
from stack.processes import Process, boot_id


def end_leftovers(data: DataDirectory, say: Callable[[str], None]) -> None:
    """Ends recorded children that still live, as the supervisor would have.

    Call it while holding the lock: then the supervisor of this directory is dead, and one that
    lives is that of a directory of which this is a copy. The kernel has already sent each child
    its stop signal.
    """
    state = data.state()
    if state.get("boot") != boot_id():
        return
    if Process(state["pid"], state["started"]).is_alive():
        return
    recorded = [c for c in state["components"] if c["pid"]]
    left = {c["name"]: (c, Process(c["pid"], c["started"])) for c in recorded}
    alive = {name: each for name, each in left.items() if each[1].is_alive()}
    for name, (component, process) in alive.items():
        say(f"{name} was left behind by a supervisor that was killed; stopping it")
        process.send_to_group(signal.Signals(component["stop_signal"]))
    for component, process in alive.values():
        if not process.wait(component["grace"]):
            process.send_to_group(signal.SIGKILL)
            process.wait(component["grace"])
