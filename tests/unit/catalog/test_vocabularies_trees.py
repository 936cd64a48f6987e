from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.catalog.domain.vocabularies_trees import cycles, depth_first, ways_round


@dataclass(frozen=True)
class Node:
    code: str
    parent: str | None = None


NODES = st.sampled_from("abcdefgh")
GRAPHS = st.dictionaries(NODES, st.sets(NODES, max_size=3), max_size=8)


@given(GRAPHS)
def test_every_cycle_told_is_one_and_a_graph_with_none_can_be_put_in_order(
    graph: dict[str, set[str]],
) -> None:
    found = cycles(graph)
    for cycle in found:
        assert cycle[0] == cycle[-1]
        steps = pairwise(cycle)
        assert all(following in graph[node] for node, following in steps)
    left = dict(graph)
    while free := [node for node in left if not left[node] & left.keys()]:
        for node in free:
            del left[node]
    assert bool(left) == bool(found)


def test_cycles_that_share_nothing_are_all_told_at_once() -> None:
    assert cycles({"a": "b", "b": "a", "c": "d", "d": "c"}) == [["a", "b", "a"], ["c", "d", "c"]]
    assert ways_round({"a": "b", "b": "a", "x": "a", "y": None}) == {
        "a": "a → b → a",
        "b": "a → b → a",
    }


def test_a_chain_of_any_depth_has_no_cycle() -> None:
    assert not cycles({str(n): [str(n + 1)] for n in range(20_000)})


def test_nodes_are_read_each_before_those_below_it() -> None:
    nodes = [Node("1"), Node("1.1", "1"), Node("2"), Node("1.2", "1"), Node("3", "gone")]
    assert [(node.code, depth) for node, depth in depth_first(nodes)] == [
        ("1", 0),
        ("1.1", 1),
        ("1.2", 1),
        ("2", 0),
        ("3", 0),
    ]
