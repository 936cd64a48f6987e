"""Runs the judged queries against the engine in this process, through the use case that serves
people; only PostgreSQL is left out, as everything here is published."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from uuid import UUID

from services.catalog.adapters.search_tantivy import TantivyIndex
from services.catalog.application.search import Asked, Search
from services.catalog.application.search_language import Language
from services.catalog.application.search_ports import GradeNames, Likeness, Published, Shown
from services.catalog.domain.changes import BEGINNING, Place
from tests.bench.relevance.corpus import Resource, corpus, names
from tests.bench.relevance.judging import Judge, JudgedQuery, judged_queries, ndcg, recall

DEPTH = 50


@dataclass(frozen=True, slots=True)
class Outcome:
    query: JudgedQuery
    ndcg: float
    recall: float


class EverythingIsLive:
    """The `SearchReads` of a corpus."""

    def __init__(self, resources: Sequence[Resource]) -> None:
        self._rows = {
            str(each.document.id): {
                "id": each.document.id,
                "title": each.document.title,
                "live_version": each.document.version,
            }
            for each in resources
        }

    async def live(self, ids: Sequence[str], place: Place) -> Shown:
        return Shown({each: self._rows[each] for each in ids}, frozenset())

    async def grade_names(self, labels: Sequence[str]) -> GradeNames:
        return GradeNames({}, {})

    async def likeness(self, resource_id: UUID) -> Likeness | None:
        return None


async def searching(directory: Path, resources: Sequence[Resource]) -> Search:
    """The use case over an index of `resources` in `directory`."""
    index, language = TantivyIndex(directory), Language()
    known = {("", name): told for name, told in names().items()}
    await language.learn_names(known)
    builder = await index.build()
    await builder.add(await language.analyse([Published(each.document, ()) for each in resources]))
    await builder.swap(BEGINNING)
    await index.place()
    await language.learn(index, known)
    return Search(index, EverythingIsLive(resources), language)


async def outcomes(directory: Path) -> list[Outcome]:
    """Of every judged query."""
    resources = list({each.document.id: each for each in corpus()}.values())
    search, judge = await searching(directory, resources), Judge(resources)
    told = []
    for query in judged_queries():
        results = await search.page(None, Asked(query.query, limit=DEPTH))
        found = [each["id"] for each in results.items]
        judgements = judge.judgements(query)
        told.append(Outcome(query, ndcg(found, judgements), recall(found, judgements, DEPTH)))
    return told


def by_kind(told: Sequence[Outcome]) -> Mapping[str, tuple[int, float, float]]:
    """For each kind of query: how many, mean nDCG@10, mean recall@50."""
    kinds = dict.fromkeys(each.query.kind for each in told)
    groups = {kind: [each for each in told if each.query.kind == kind] for kind in kinds}
    return {
        kind: (
            len(group),
            fmean(each.ndcg for each in group),
            fmean(each.recall for each in group),
        )
        for kind, group in groups.items()
    }
