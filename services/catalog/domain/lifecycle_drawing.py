"""Draws docs/lifecycle.md from the table.

``python -m services.catalog.domain.lifecycle_drawing > docs/lifecycle.md``
"""

import sys
from collections.abc import Iterator

from services.catalog.domain.lifecycle import (
    ACTORS,
    GUARDS,
    TRANSITIONS,
    Actor,
    State,
    Transition,
)

_HEAD = """# The life of a resource 资源生命周期

Drawn from `services/catalog/domain/lifecycle.py`; change the table there, then
`.venv/bin/python -m services.catalog.domain.lifecycle_drawing > docs/lifecycle.md`.

A review is told by its case. A resource that was never published shows the state of its case; one
that is published shows UPDATE_IN_REVIEW as long as its successor is judged, and is read meanwhile.

What is suspended or retired is found by nobody from that moment on. An address of a file that was
given out before is honoured by the object store until it runs out: 2 minutes after it was given.
"""


def document() -> str:
    """The whole document, as Markdown."""
    parts = [
        _HEAD,
        "```mermaid\nstateDiagram-v2",
        *_arrows(),
        "```\n",
        "## Steps 步骤\n",
        "| action | from | to | the case becomes | by | guards |\n|---|---|---|---|---|---|",
        *(_row(each) for each in TRANSITIONS),
        "\n## Who 角色\n",
        "| actor | roles | relation | 说明 |\n|---|---|---|---|",
        *(_actor(each) for each in Actor),
        "\n## Guards 条件\n",
        "| guard | asks | 条件 |\n|---|---|---|",
        *(f"| {guard} | {each.en} | {each.zh} |" for guard, each in GUARDS.items()),
    ]
    return "\n".join(parts) + "\n"


def _arrows() -> Iterator[str]:
    yield f"    [*] --> {State.DRAFT}"
    for each in TRANSITIONS:
        if each.target is None:
            continue
        for source in State:
            if source in each.sources and source is not each.target:
                yield f"    {source} --> {each.target}: {each.action}"


def _row(row: Transition) -> str:
    sources = ", ".join(state for state in State if state in row.sources)
    by = ", ".join(actor for actor in Actor if actor in row.by)
    target, case = row.target or "stays", row.case or "-"
    guards = ", ".join(row.guards) or "-"
    return f"| {row.action} | {sources} | {target} | {case} | {by} | {guards} |"


def _actor(actor: Actor) -> str:
    told = ACTORS[actor]
    return f"| {actor} | {', '.join(sorted(told.roles)) or '-'} | {told.en} | {told.zh} |"


if __name__ == "__main__":
    sys.stdout.write(document())
