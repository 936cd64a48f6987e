"""Search finds what the judged queries ask for as well as it did: see tests/bench/relevance."""

from pathlib import Path

import pytest

from tests.bench.relevance.corpus import DIRECTORY
from tests.bench.relevance.evaluate import by_kind, outcomes
from tests.bench.relevance.judging import judged_queries
from tests.bench.search import GOALS

RECALL = 0.95


@pytest.mark.skipif(
    not DIRECTORY.exists(),
    reason="the textbook directory is no part of the source: name it in SHUYUAN_TEST_TEXTBOOKS",
)
async def test_every_kind_of_query_is_answered_as_well_as_promised(tmp_path: Path) -> None:
    told = by_kind(await outcomes(tmp_path))
    assert told.keys() == GOALS.keys()
    for kind, (_, ndcg, recall) in told.items():
        assert (ndcg >= GOALS[kind], recall >= RECALL) == (True, True), (kind, ndcg, recall)


def test_there_are_at_least_200_judged_queries_no_two_alike() -> None:
    queries = [each.query for each in judged_queries()]
    assert len(queries) == len(set(queries)) >= 200
