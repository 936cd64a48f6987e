from datetime import UTC, datetime, timedelta

from services.learning.domain.courses import Item, Section
from services.learning.domain.courses_changes import MOST_TOLD, changes
from shared.ids import uuid7

NOW = datetime(2026, 11, 22, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
FILM = Item(uuid7(), 1, "导入视频", required=True)
SLIDES = Item(uuid7(), 1, "课件", required=True)


def section(*items: Item, title: str = "第一课时", opens_at: datetime | None = None) -> Section:
    return Section(title, opens_at, None, items)


def test_what_came_what_went_and_what_has_another_version_is_told() -> None:
    film = Item(FILM.resource_id, 2, FILM.title, required=True)
    other = Item(uuid7(), 1, "练习", required=False)
    after = [section(film), section(other, title="第二课时")]
    assert changes([section(FILM, SLIDES)], after, NOW) == [
        "新增章节“第二课时”",
        "新增《练习》",
        "移除《课件》",
        "《导入视频》换为第 2 版",
    ]


def test_another_order_is_no_change_and_a_closed_section_is_no_secret_told() -> None:
    assert changes([section(FILM, SLIDES)], [section(SLIDES, FILM)], NOW) == []
    hidden = section(SLIDES, title="期末", opens_at=LATER)
    assert changes([section(FILM)], [section(FILM), hidden], NOW) == []
    assert changes([section(FILM), hidden], [section(FILM)], NOW) == []


def test_of_many_changes_the_first_are_told_and_how_many_there_are() -> None:
    items = [Item(uuid7(), 1, f"第{n}题", required=True) for n in range(30)]
    lines = changes([section(FILM)], [section(FILM, *items)], NOW)
    assert (len(lines), lines[-1]) == (MOST_TOLD, "等共 30 处")
