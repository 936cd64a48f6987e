"""Trees and graphs given as ``node → what it points at``: parents, or prerequisites."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar


def cycles(points_at: Mapping[str, Collection[str]]) -> list[list[str]]:
    """Cycles that share no node, each with its first node repeated at the end; none in a graph
    without cycles, else at least one.

    The same graph always gives the same cycles: nodes are visited in the order of their names.
    Iterative: depth is bounded by memory alone.
    """
    found: list[list[str]] = []
    told: set[str] = set()
    done: set[str] = set()
    for start in sorted(points_at):
        if start in done:
            continue
        way, on_way = [start], {start}
        branches: list[Iterator[str]] = [iter(sorted(points_at[start]))]
        while branches:
            following = next(branches[-1], None)
            if following is None:
                branches.pop()
                leaving = way.pop()
                on_way.discard(leaving)
                done.add(leaving)
            elif following in on_way:
                cycle = way[way.index(following) :]
                if told.isdisjoint(cycle):
                    told.update(cycle)
                    found.append([*cycle, following])
            elif following in points_at and following not in done:
                way.append(following)
                on_way.add(following)
                branches.append(iter(sorted(points_at[following])))
    return found


def ways_round(parents: Mapping[str, str | None]) -> Mapping[str, str]:
    """For each node that stands below itself, the way from it back to it, to show to a person."""
    found = cycles({node: [parent] for node, parent in parents.items() if parent})
    return {node: " → ".join(cycle) for cycle in found for node in cycle}


class Placed(Protocol):
    @property
    def code(self) -> str: ...
    @property
    def parent(self) -> str | None: ...


P = TypeVar("P", bound=Placed)


def depth_first(nodes: Sequence[P]) -> list[tuple[P, int]]:
    """`nodes` as they are read: each before those below it, siblings in the order given; with the
    depth, 0 for a root.

    A node whose parent is not among `nodes` is a root. There is no cycle in `nodes`.
    """
    known = {node.code for node in nodes}
    below: dict[str | None, list[P]] = {}
    for node in nodes:
        below.setdefault(node.parent if node.parent in known else None, []).append(node)
    waiting = [(node, 0) for node in reversed(below.get(None, []))]
    read = []
    while waiting:
        node, depth = waiting.pop()
        read.append((node, depth))
        waiting += [(child, depth + 1) for child in reversed(below.get(node.code, []))]
    return read
