"""What is told to the classes that take a course when it changes under them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.learning.domain.courses import Item, Section

MOST_TOLD = 15


def changes(before: Sequence[Section], after: Sequence[Section], now: datetime) -> list[str]:
    """What pupils see to be different, a line each, `MOST_TOLD` at most: sections and resources
    that came or went, and other versions. Of sections that are closed `now` nothing is told; where
    things merely change places, neither."""
    seen, found = ([each for each in some if each.open(now)] for some in (before, after))
    old, new = _items(seen), _items(found)
    old_titles, new_titles = ({each.title: None for each in some} for some in (seen, found))
    lines = [f"新增章节“{title}”" for title in new_titles if title not in old_titles]
    lines += [f"移除章节“{title}”" for title in old_titles if title not in new_titles]
    lines += [f"新增《{item.title}》" for id_, item in new.items() if id_ not in old]
    lines += [f"移除《{item.title}》" for id_, item in old.items() if id_ not in new]
    lines += [
        f"《{item.title}》换为第 {item.number} 版"
        for id_, item in new.items()
        if id_ in old and old[id_].number != item.number
    ]
    if len(lines) <= MOST_TOLD:
        return lines
    return [*lines[: MOST_TOLD - 1], f"等共 {len(lines)} 处"]


def _items(sections: Sequence[Section]) -> dict[UUID, Item]:
    return {item.resource_id: item for section in sections for item in section.items}
