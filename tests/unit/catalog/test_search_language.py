import pytest

from services.catalog.application.search_language import Language
from services.catalog.domain.search import SearchUnavailable


class Words:
    """The part of a `SearchIndex` that tells its words."""

    def __init__(self, *words: str) -> None:
        self._words = dict.fromkeys(words, 3)

    async def words(self, limit: int, *, texts: bool = False) -> dict[str, int]:
        return {} if texts else self._words


async def test_before_anything_was_learnt_search_is_starting() -> None:
    language = Language()
    with pytest.raises(SearchUnavailable):
        language.literal("分数")
    with pytest.raises(SearchUnavailable):
        await language.corrected("分树")


async def test_a_query_is_read_once() -> None:
    language = Language()
    await language.learn(Words("分数"), {})  # type: ignore[arg-type]
    assert language.literal("分数") is language.literal("分数")
    assert await language.corrected("分树") is await language.corrected("分树")


async def test_what_was_read_is_read_anew_when_words_were_learnt() -> None:
    language = Language()
    await language.learn(Words("分数"), {})  # type: ignore[arg-type]
    before = await language.corrected("抛物限")
    assert before is None or before.meant != "抛物线"
    await language.learn(Words("分数", "抛物线"), {})  # type: ignore[arg-type]
    after = await language.corrected("抛物限")
    assert after is not None
    assert after.meant == "抛物线"
